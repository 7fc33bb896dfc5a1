package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/recipe"
)

// recipeFlags are the flags of every verb that takes a recipe.
func recipeFlags(more ...cli.Flag) []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "dir", DefaultText: "runs/NAME", Usage: "run `directory`"},
		setFlag(),
		&cli.BoolFlag{Name: "fresh", DisableDefaultText: true, Usage: "set an old run aside and start anew"},
		&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads for arithmetic"},
	}
	return append(append(flags, more...), logFlags()...)
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:        "run",
		Usage:       "carry a recipe out, every stage, continuing where the last run stopped",
		ArgsUsage:   "RECIPE",
		Description: "   distill run quickstart\n   distill run my.yaml --set train.epochs=5 --until train",
		Flags: recipeFlags(append(watchFlags(),
			&cli.StringFlag{Name: "until", Usage: "stop after this `stage`: " + strings.Join(recipe.StageNames(), ", ")})...),
		Action: func(c *cli.Context) error {
			names := recipe.StageNames()
			if until := c.String("until"); until != "" {
				names = upTo(names, until)
				if names == nil {
					return usage(fmt.Sprintf("--until: there is no stage %q", until), "the stages are "+strings.Join(recipe.StageNames(), ", "))
				}
			}
			return doStages(c, names)
		},
	}
}

func upTo(names []string, last string) []string {
	for i, name := range names {
		if name == last {
			return names[:i+1]
		}
	}
	return nil
}

// stageCommand makes the verb of one stage.
func stageCommand(name, usage string) *cli.Command {
	return &cli.Command{
		Name:      name,
		Usage:     usage,
		ArgsUsage: "RECIPE",
		Flags:     recipeFlags(),
		Action:    func(c *cli.Context) error { return doStages(c, []string{name}) },
	}
}

// doStages carries stages of a recipe out and prints what came of them.
func doStages(c *cli.Context, names []string) (err error) {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	r, err := loadRecipe(args[0], c.StringSlice("set"))
	if err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !recipe.HasStage(r, name) })
	if len(names) == 0 {
		return usage(fmt.Sprintf("the recipe has no %s stage", c.Command.Name), map[string]string{"grow": "give it a prompts.grow section",
			"judge": "give it a check of the kind judge in select.verify", "score": "give it a score section"}[c.Command.Name])
	}
	screen.board.Begin(r.Name, names)
	defer screen.answerQuit()()
	finish, err := screen.showPage(c)
	if err != nil {
		return err
	}
	defer func() { finish(err) }()
	again := command(c, args[0])
	run, err := recipe.Open(r, runDir(c, r), recipe.Options{
		Threads: c.Int("threads"),
		Fresh:   c.Bool("fresh"),
		Monitor: screen.board,
		Log:     screen.log,
		Program: "distill " + programVersion(),
		Again:   []string{again},
		Machine: machine(c.Int("threads")),
	})
	if err != nil {
		return err
	}
	defer run.Close()
	err = run.Do(c.Context, names...)
	screen.stop()
	if errors.Is(err, recipe.ErrInterrupted) {
		return fmt.Errorf("%w\ncontinue with: %s", err, again)
	}
	if err != nil {
		return err
	}
	return errors.Join(printSummary(c.App.Writer, run), run.GateError())
}

// runDir returns the run directory that the flags or the recipe's name choose.
func runDir(c *cli.Context, r *config.Recipe) string {
	if dir := c.String("dir"); dir != "" {
		return dir
	}
	return filepath.Join("runs", r.Name)
}

// command is what to type to do the same again.
func command(c *cli.Context, name string) string {
	words := []string{"distill", c.Command.Name, quoted(name)}
	if dir := c.String("dir"); dir != "" {
		words = append(words, "--dir", quoted(dir))
	}
	for _, s := range c.StringSlice("set") {
		words = append(words, "--set", quoted(s))
	}
	if until := c.String("until"); until != "" {
		words = append(words, "--until", until)
	}
	return strings.Join(words, " ")
}

// quoted quotes a word for a shell where it needs that.
func quoted(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
