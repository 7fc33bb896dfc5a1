package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/configs"
)

// The scripts ask the program itself what may come next (--generate-bash-completion).
var completionScripts = map[string]string{
	"bash": `_distill() {
  local words=("${COMP_WORDS[@]:0:COMP_CWORD}") word=${COMP_WORDS[COMP_CWORD]} found
  found=$("${words[@]}" --generate-bash-completion 2>/dev/null)
  [[ $word == -* ]] || found=$(grep -v '^-' <<< "$found")
  COMPREPLY=($(compgen -W "$found" -- "$word"))
}
complete -o default -F _distill distill
`,
	"zsh": `#compdef distill
_distill() {
  local -a found
  found=("${(@f)$("${words[@]:0:$((CURRENT-1))}" --generate-bash-completion 2>/dev/null)}")
  [[ ${words[CURRENT]} == -* ]] || found=("${(@)found:#-*}")
  compadd -a found || _files
}
compdef _distill distill
`,
	"fish": `complete -c distill -a '(set -l words (commandline -opc); $words --generate-bash-completion 2>/dev/null)'
`,
}

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a script that completes commands in your shell",
		ArgsUsage:   "bash|zsh|fish",
		Description: "   source <(distill completion bash)",
		Action: func(c *cli.Context) error {
			args, err := arguments(c, 1, 1)
			if err != nil {
				return err
			}
			script, ok := completionScripts[strings.ToLower(args[0])]
			if !ok {
				return usage(fmt.Sprintf("no completion for %q", args[0]), "bash, zsh or fish")
			}
			_, err = fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}

// candidates prints what may stand behind a command: those below it, the recipes inside the program where it takes one, and
// its flags.
func candidates(command *cli.Command) cli.BashCompleteFunc {
	return func(c *cli.Context) {
		var words []string
		for _, sub := range command.Subcommands {
			words = append(words, sub.Name)
		}
		if strings.HasPrefix(command.ArgsUsage, "RECIPE") || strings.HasPrefix(command.ArgsUsage, "NAME") {
			words = append(words, configs.Names()...)
		}
		for _, flag := range command.Flags {
			name := flag.Names()[0]
			words = append(words, strings.Repeat("-", min(2, len(name)))+name)
		}
		fmt.Fprintln(c.App.Writer, strings.Join(words, "\n"))
	}
}
