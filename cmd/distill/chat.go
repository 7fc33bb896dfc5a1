package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func chatCommand() *cli.Command {
	return &cli.Command{
		Name:        "chat",
		Usage:       "talk with a model",
		ArgsUsage:   "MODEL",
		Description: "   distill chat runs/quickstart\n   echo 'What is 12 times 7?' | distill chat builtin:reasoner",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "system", Usage: "system `message`"},
			&cli.Float64Flag{Name: "temperature", Value: 0, Usage: "of the draw; 0 is greedy"},
			&cli.Float64Flag{Name: "top-p", Value: 1, Usage: "draw from the most likely tokens of this `mass`"},
			&cli.IntFlag{Name: "n", DefaultText: "the context's rest", Usage: "`tokens` of an answer at most"},
			&cli.Uint64Flag{Name: "seed", Usage: "of the draw"},
			&cli.BoolFlag{Name: "hide-thinking", DisableDefaultText: true, Usage: "print answers without the thinking before them"},
			&cli.IntFlag{Name: "ctx", DefaultText: "the model's", Usage: "longest conversation in `tokens`"},
			&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
		},
		Action: startChat,
	}
}

func startChat(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	t, err := workbench.OpenTalker(args[0], c.Int("threads"), c.Int("ctx"), 1)
	if err != nil {
		return err
	}
	defer t.Close()
	terminal := isTerminal(c.App.Writer)
	conv := &conversation{
		talker: t, out: c.App.Writer, notes: c.App.ErrWriter, system: c.String("system"), hide: c.Bool("hide-thinking"), colours: terminal,
		sampling: distill.Sampling{Temperature: c.Float64("temperature"), TopP: c.Float64("top-p"), MaxTokens: c.Int("n"), Seed: c.Uint64("seed")},
	}
	lines, done, err := newLineReader(c.App.Reader, c.App.Writer)
	if err != nil {
		return err
	}
	defer done()
	if terminal {
		fmt.Fprintf(c.App.ErrWriter, "%s; /help shows commands, Ctrl-D ends\n", args[0])
	}
	return conv.run(c.Context, lines)
}

// conversation is a chat under way.
type conversation struct {
	talker   *workbench.Talker
	out      io.Writer
	notes    io.Writer // for what is not part of an answer
	system   string
	history  []distill.Message
	sampling distill.Sampling
	hide     bool
	colours  bool
}

// run reads lines until they end. Ctrl-C ends the chat, an answer under way included.
func (v *conversation) run(ctx context.Context, lines lineReader) error {
	for {
		line, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "/"):
			ended, err := v.command(ctx, line)
			if err != nil {
				fmt.Fprintf(v.notes, "%v\n", err)
			}
			if ended {
				return nil
			}
		default:
			if err := v.say(ctx, line); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // Ctrl-C is how a chat ends
		}
	}
}

// say adds a user's turn and the answer to it.
func (v *conversation) say(ctx context.Context, text string) error {
	v.history = append(v.history, distill.Message{Role: distill.RoleUser, Content: text})
	return v.answer(ctx)
}

// answer lets the model take the next turn.
func (v *conversation) answer(ctx context.Context) error {
	prompt, err := v.prompt()
	if err != nil {
		v.history = v.history[:len(v.history)-1]
		fmt.Fprintf(v.notes, "%v\n", err)
		return nil
	}
	printer := &answerPrinter{out: v.out, hide: v.hide, colours: v.colours, thinking: strings.HasPrefix(v.talker.Format.AnswerText("", ""), chat.ThinkClose)}
	var said strings.Builder
	_, err = v.talker.Engine.Generate(ctx, infer.Request{
		Prompt: prompt, Sampling: v.sampling, EndTokens: v.talker.Format.Stops(),
		OnToken: func(_ distill.Token, text string) { said.WriteString(text); printer.write(text) },
	})
	printer.end()
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	_, response := chat.Split(said.String())
	if printer.thinking {
		response = ""
	}
	v.history = append(v.history, distill.Message{Role: distill.RoleAssistant, Content: response})
	return nil
}

// prompt renders the conversation. Where it no longer fits, the oldest turns are forgotten.
func (v *conversation) prompt() ([]distill.Token, error) {
	room := v.talker.Model.Context() - min(256, v.talker.Model.Context()/4) // for the answer
	for {
		messages := v.history
		if v.system != "" {
			messages = append([]distill.Message{{Role: distill.RoleSystem, Content: v.system}}, messages...)
		}
		ids, err := v.talker.Format.Prompt(messages, true)
		if err != nil || len(ids) <= room {
			return ids, err
		}
		if len(v.history) < 3 {
			return nil, fmt.Errorf("that is longer than the model's context of %d tokens", v.talker.Model.Context())
		}
		v.history = v.history[2:]
		fmt.Fprintln(v.notes, "(the oldest turn no longer fits the model's context and is forgotten)")
	}
}
