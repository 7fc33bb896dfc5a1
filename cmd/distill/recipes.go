package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/configs"
	"github.com/seed-d24fde5f/distill/internal/config"
)

func recipesCommand() *cli.Command {
	return &cli.Command{
		Name:  "recipes",
		Usage: "list, show, copy and check recipes",
		Subcommands: []*cli.Command{
			{Name: "ls", Usage: "list the recipes inside the program", Action: recipesList},
			{Name: "show", Usage: "print a recipe", ArgsUsage: "NAME", Action: recipesShow, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "resolved", DisableDefaultText: true, Usage: "with every default filled in"}, setFlag()}},
			{Name: "cp", Usage: "copy a recipe, to change it", ArgsUsage: "NAME [FILE|FOLDER]", Action: recipesCopy},
			{Name: "check", Usage: "say what is wrong with a recipe", ArgsUsage: "RECIPE…", Action: recipesCheck, Flags: []cli.Flag{setFlag()}},
			{Name: "schema", Usage: "print the JSON Schema, for completion in an editor", Action: recipesSchema, Flags: []cli.Flag{
				&cli.BoolFlag{Name: "markdown", DisableDefaultText: true, Usage: "print the recipe reference instead"}}},
		},
	}
}

func setFlag() cli.Flag {
	return repeatable{&cli.StringSliceFlag{Name: "set", Usage: "override a field, `path.to.key=value`; may be repeated"}}
}

// repeatable is a flag whose help does not say everything twice.
type repeatable struct{ *cli.StringSliceFlag }

// String is the flag's line in the help.
func (f repeatable) String() string {
	before, after, _ := strings.Cut(f.StringSliceFlag.String(), " [ ")
	_, usage, _ := strings.Cut(after, " ]")
	return before + usage
}

// loadRecipe reads the recipe an argument names: a file, or one inside the program.
func loadRecipe(name string, overrides []string) (*config.Recipe, error) {
	data, err := embedded(name)
	if err == nil {
		return config.Parse(name+".yaml", "", data, overrides)
	}
	if info, statErr := os.Stat(name); statErr == nil && info.IsDir() {
		return nil, usage(name+" is a folder, and a recipe is a file", "of a run, give the recipe it was made by, and --dir "+quoted(name))
	}
	r, fileErr := config.Load(name, overrides)
	if errors.Is(fileErr, fs.ErrNotExist) && !strings.ContainsAny(name, `./\`) {
		return nil, err
	}
	if errors.Is(fileErr, fs.ErrNotExist) {
		return nil, usage(fileErr.Error(), "distill recipes ls lists the recipes inside the program")
	}
	return r, fileErr
}

// embedded returns the text of a recipe inside the program. A file of that name in the working directory does not hide it.
func embedded(name string) ([]byte, error) {
	data, err := configs.Files.ReadFile(name + ".yaml")
	if err != nil {
		hint := "distill recipes ls lists them"
		if near := config.Nearest(name, configs.Names()); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
		}
		return nil, usage(fmt.Sprintf("there is no recipe %q, neither as a file nor inside the program", name), hint)
	}
	return data, nil
}

func recipesList(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	t := table.NewWriter()
	t.SetStyle(plainTable)
	for _, name := range configs.Names() {
		r, err := loadRecipe(name, nil)
		if r == nil {
			return err
		}
		t.AppendRow(table.Row{name, r.Description}) // one that needs --set is listed all the same
	}
	_, err := fmt.Fprintln(c.App.Writer, fold(render(t), widthOf(c.App.Writer)))
	return err
}

func recipesShow(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	var text []byte
	if c.Bool("resolved") || len(c.StringSlice("set")) > 0 {
		var r *config.Recipe
		if r, err = loadRecipe(args[0], c.StringSlice("set")); err == nil {
			text, err = config.Marshal(r)
		}
	} else if text, err = embedded(args[0]); err != nil {
		if data, fileErr := os.ReadFile(args[0]); fileErr == nil {
			text, err = data, nil
		}
	}
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(text)
	return err
}

func recipesCopy(c *cli.Context) error {
	args, err := arguments(c, 1, 2)
	if err != nil {
		return err
	}
	text, err := embedded(args[0])
	if err != nil {
		return err
	}
	path := args[0] + ".yaml"
	if len(args) == 2 {
		path = args[1]
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			path = filepath.Join(path, args[0]+".yaml")
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usage(fmt.Sprintf("%s exists already", path), "choose another name: nothing is overwritten")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func recipesCheck(c *cli.Context) error {
	args, err := arguments(c, 1, -1)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range args {
		if _, err := loadRecipe(name, c.StringSlice("set")); err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(c.App.Writer, "%s: ok\n", name)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

func recipesSchema(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	if c.Bool("markdown") {
		_, err := fmt.Fprint(c.App.Writer, config.Manual())
		return err
	}
	schema, err := config.Schema()
	if err != nil {
		return err
	}
	_, err = c.App.Writer.Write(schema)
	return err
}
