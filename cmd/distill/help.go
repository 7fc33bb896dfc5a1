package main

import (
	"io"
	"slices"
	"strings"
)

// What help prints. Plain text that also reads well in docs/cli.md, which is made from it.
const (
	appHelp = `{{.Name}} - {{.Usage}}

{{.UsageText}}

COMMANDS
{{range .VisibleCommands}}   {{join .Names ", "}}{{"\t"}}{{.Usage}}
{{end}}
A recipe is a path or the name of one inside the program (distill recipes ls).
A MODEL is a GGUF file, a Hugging Face folder, a run directory or builtin:NAME.
distill COMMAND --help shows a command's flags.
`
	groupHelp = `{{.HelpName}} - {{.Usage}}

COMMANDS
{{range .VisibleCommands}}   {{join .Names ", "}} {{.ArgsUsage}}{{"\t"}}{{.Usage}}
{{end}}
{{.HelpName}} COMMAND --help shows a command's flags.
`
	commandHelp = `{{.HelpName}} - {{.Usage}}

   {{.HelpName}} {{.ArgsUsage}}{{if .VisibleFlags}} [FLAGS]{{end}}
{{if .Description}}
{{.Description}}
{{end}}{{if .VisibleFlags}}
FLAGS
{{range .VisibleFlags}}   {{.}}
{{end}}{{end}}{{if .VisibleCommands}}
COMMANDS
{{range .VisibleCommands}}   {{join .Names ", "}} {{.ArgsUsage}}{{"\t"}}{{.Usage}}
{{end}}{{end}}`
)

// helped turns "distill help COMMAND" into "distill COMMAND --help".
func helped(args []string) []string {
	if len(args) > 1 && args[1] == "help" {
		return slices.Concat(args[:1], args[2:], []string{"--help"})
	}
	return args
}

// foldedHelp fits help into a terminal.
func foldedHelp(write func(io.Writer, string, any)) func(io.Writer, string, any) {
	return func(w io.Writer, template string, data any) {
		var b strings.Builder
		write(&b, template, data)
		_, _ = io.WriteString(w, fold(b.String(), widthOf(w))) // nobody is told that help could not be printed
	}
}
