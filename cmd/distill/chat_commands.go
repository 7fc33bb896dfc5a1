package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

const chatHelp = `/clear            forget the conversation
/undo             take the last question and its answer back
/retry            answer the last question again, with another seed
/system TEXT      set the system message; without TEXT show it
/temperature N    0 is greedy
/think            show or hide the thinking
/history          show the conversation
/save FILE        write the conversation as a line of JSON, as prompts take it
/exit             end (Ctrl-D)
`

// command carries out a line that begins with a slash.
func (v *conversation) command(ctx context.Context, line string) (ended bool, err error) {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "/help", "/?":
		fmt.Fprint(v.notes, chatHelp)
	case "/exit", "/quit", "/bye":
		return true, nil
	case "/clear":
		v.history = nil
	case "/undo":
		v.history = v.history[:max(0, len(v.history)-2)]
	case "/retry":
		if len(v.history) < 2 {
			return false, fmt.Errorf("there is nothing to answer again")
		}
		v.history = v.history[:len(v.history)-1]
		v.sampling.Seed++
		return false, v.answer(ctx)
	case "/system":
		if rest == "" {
			fmt.Fprintf(v.notes, "%s\n", orNone(v.system))
		}
		v.system = rest
	case "/temperature":
		t, err := strconv.ParseFloat(rest, 64)
		if err != nil || t < 0 {
			return false, fmt.Errorf("/temperature: %q is no number from 0 on", rest)
		}
		v.sampling.Temperature = t
	case "/think":
		v.hide = !v.hide
	case "/history":
		for _, m := range v.history {
			fmt.Fprintf(v.notes, "%s: %s\n", m.Role, indent(m.Content))
		}
	case "/save":
		return false, v.save(rest)
	default:
		return false, fmt.Errorf("there is no command %s; /help shows them", name)
	}
	return false, nil
}

func (v *conversation) save(path string) error {
	if path == "" {
		return fmt.Errorf("/save: want a file")
	}
	messages := v.history
	if v.system != "" {
		messages = append([]distill.Message{{Role: distill.RoleSystem, Content: v.system}}, messages...)
	}
	line, err := json.Marshal(map[string]any{"messages": messages})
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}
