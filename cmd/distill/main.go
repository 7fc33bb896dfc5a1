// Command distill turns a large model's answers into a small model: prompts, teacher, dataset, student, quantized file and
// a report, from one recipe. See `distill help` or docs/.
//
// This package translates flags and prints; what happens is in internal/recipe and the packages it joins. Each verb has a
// file of its own. Results go to standard output, everything else to standard error; exit codes are in [code].
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

func main() {
	cli.HelpPrinter = foldedHelp(cli.HelpPrinter)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the program at once
	}()
	os.Exit(execute(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// execute runs the command line args and returns the exit code.
func execute(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if err := kernel.Check(); err != nil {
		return fail(stderr, usage(err.Error(), "unset DISTILL_KERNEL for the best that this machine has"))
	}
	app := newApp(stdin, stdout, stderr)
	err := app.RunContext(ctx, permute(app, helped(args)))
	return fail(stderr, err)
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	app := &cli.App{
		Name:                   "distill",
		Usage:                  "teach a small model what a large one knows, and prove it",
		UsageText:              "distill COMMAND [ARGUMENTS] [FLAGS]\n\ndistill run quickstart         the whole way, offline, in minutes\ndistill plan quickstart        what it will take, before anything is spent",
		Reader:                 stdin,
		Writer:                 stdout,
		ErrWriter:              stderr,
		HideVersion:            true,
		HideHelpCommand:        true,
		EnableBashCompletion:   true,
		Suggest:                true,
		ExitErrHandler:         func(*cli.Context, error) {}, // only main exits
		OnUsageError:           usageError,
		CustomAppHelpTemplate:  appHelp,
		UseShortOptionHandling: false,
		// --set export.formats=[f16,q8_0] is one override, not two
		DisableSliceFlagSeparator: true,
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return unknownCommand(c.App.Commands, "distill", name)
			}
			return cli.ShowAppHelp(c)
		},
	}
	app.Commands = commands()
	for _, command := range app.Commands {
		prepare(command, "distill "+command.Name)
	}
	return app
}

// commands lists the verbs in the order in which help shows them.
func commands() []*cli.Command {
	return []*cli.Command{
		runCommand(), planCommand(),
		stageCommand("grow", "make more prompts out of the recipe's, by asking a model"),
		stageCommand("generate", "ask the teacher; answers it gave before are not asked for again"),
		stageCommand("judge", "let a model grade the teacher's answers"),
		stageCommand("score", "add an open model's distribution to answers that another teacher wrote"),
		stageCommand("train", "fit the student on the teacher's answers"),
		stageCommand("export", "write the student as quantized GGUF files and a Hugging Face folder"),
		stageCommand("eval", "measure teacher, student and every exported file on held-out prompts"),
		stageCommand("report", "write report.json, report.md and report.html"),
		recipesCommand(), datasetCommand(), modelCommand(), chatCommand(), serveCommand(), benchCommand(),
		versionCommand(), completionCommand(),
	}
}

// prepare gives a command and those below it what all share.
func prepare(command *cli.Command, path string) {
	command.OnUsageError = usageError
	command.HideHelpCommand = true
	command.CustomHelpTemplate = commandHelp
	command.BashComplete = candidates(command)
	for _, sub := range command.Subcommands {
		prepare(sub, path+" "+sub.Name)
	}
	if command.Subcommands != nil && command.Action == nil {
		command.CustomHelpTemplate = groupHelp
		subs := command.Subcommands
		command.Action = func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return unknownCommand(subs, path, name)
			}
			return cli.ShowSubcommandHelp(c)
		}
	}
}
