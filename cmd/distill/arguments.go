package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/config"
)

// permute moves flags before the arguments of their command, so that they may be written anywhere, as people do. What
// follows a -- stays where it is.
func permute(app *cli.App, args []string) []string {
	commands, at := app.Commands, 1
	var command *cli.Command
	for at < len(args) {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[at]) })
		if i < 0 {
			break
		}
		command, commands = commands[i], commands[i].Subcommands
		at++
	}
	if command == nil {
		return args
	}
	if command.ArgsUsage == "" && len(commands) > 0 && at < len(args) && !strings.HasPrefix(args[at], "-") {
		return args[:at+1] // of an unknown command nothing else counts, not even --help
	}
	flags, rest := slices.Clone(args[:at]), []string(nil)
	for i := at; i < len(args); i++ {
		arg := args[i]
		switch {
		case arg == "--":
			return slices.Concat(flags, []string{"--"}, rest, args[i+1:])
		case arg == "-" || !strings.HasPrefix(arg, "-") || isCompletion(arg):
			rest = append(rest, arg)
		default:
			flags = append(flags, arg)
			if takesValue(command, arg) && i+1 < len(args) {
				i++
				flags = append(flags, args[i])
			}
		}
	}
	if len(rest) > 0 && isCompletion(rest[len(rest)-1]) {
		return slices.Concat(flags, rest)
	}
	return slices.Concat(flags, []string{"--"}, rest)
}

func isCompletion(arg string) bool { return arg == "--generate-bash-completion" }

// takesValue reports whether the flag written as arg is followed by its value.
func takesValue(command *cli.Command, arg string) bool {
	name := strings.TrimLeft(arg, "-")
	if strings.Contains(name, "=") {
		return false
	}
	for _, flag := range command.Flags {
		if slices.Contains(flag.Names(), name) {
			_, isBool := flag.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// arguments returns a command's arguments when there are between least and most of them (most < 0 for no upper limit).
func arguments(c *cli.Context, least, most int) ([]string, error) {
	args := c.Args().Slice()
	switch {
	case len(args) < least:
		hint := c.Command.HelpName + " --help shows how"
		if c.Command.ArgsUsage == "RECIPE" {
			hint = fmt.Sprintf("%s quickstart, or a file of your own; distill recipes ls lists what is inside the program", c.Command.HelpName)
		}
		return nil, usage(fmt.Sprintf("%s: want %s", c.Command.HelpName, c.Command.ArgsUsage), hint)
	case most >= 0 && len(args) > most:
		return nil, usage(fmt.Sprintf("%s: one argument too many: %q", c.Command.HelpName, args[most]), c.Command.HelpName+" --help shows how")
	}
	return args, nil
}

func unknownCommand(commands []*cli.Command, path, name string) error {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	hint := "the commands are " + strings.Join(names, ", ")
	if near := config.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("did you mean %s %s?", path, near)
	}
	return usage(fmt.Sprintf("unknown command %q", name), hint)
}

func usageError(c *cli.Context, err error, _ bool) error {
	message, hint := err.Error(), "distill help lists the commands"
	if c.Command != nil && c.Command.HelpName != "" {
		hint = c.Command.HelpName + " --help shows the flags"
	}
	if name, ok := strings.CutPrefix(message, "flag provided but not defined: -"); ok {
		name = strings.TrimPrefix(name, "-")
		message = "unknown flag --" + name
		if c.Command != nil {
			var names []string
			for _, f := range c.Command.Flags {
				names = append(names, f.Names()...)
			}
			if near := config.Nearest(name, names); near != "" {
				hint = fmt.Sprintf("did you mean --%s?", near)
			}
		}
	}
	return usage(message, hint)
}
