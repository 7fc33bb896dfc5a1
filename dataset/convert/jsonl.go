package convert

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/prompt"
)

// maxLine bounds a line of a JSONL file.
const maxLine = 64 << 20

// line is one object of any of the three JSON formats.
type line struct {
	Messages      []message `json:"messages"`      // openai
	Conversations []turn    `json:"conversations"` // sharegpt
	System        string    `json:"system"`        // sharegpt, alpaca
	Instruction   string    `json:"instruction"`   // alpaca
	Input         string    `json:"input"`
	Output        *string   `json:"output"`
}

type message struct {
	Role      string `json:"role"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning_content,omitempty"`
}

type turn struct {
	From  string `json:"from"`
	Value string `json:"value"`
}

// shareGPTRoles are the names that files in the wild use.
var shareGPTRoles = map[string]string{
	"system": distill.RoleSystem, "human": distill.RoleUser, "user": distill.RoleUser,
	"gpt": distill.RoleAssistant, "assistant": distill.RoleAssistant, "chatgpt": distill.RoleAssistant, "bard": distill.RoleAssistant,
}

func detectLine(r *bufio.Reader) (Format, error) {
	text, err := r.ReadBytes('\n')
	for err == nil && len(bytes.TrimSpace(text)) == 0 {
		text, err = r.ReadBytes('\n')
	}
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return "", fmt.Errorf("neither Parquet nor Arrow by name, nor JSONL: %w", err)
	}
	has := func(key string) bool { _, ok := keys[key]; return ok }
	if format := formatOf(has); format != "" {
		return format, nil
	}
	return "", errNoConversation
}

var errNoConversation = errors.New("no messages, conversations or instruction among the fields")

// formatOf tells the format by the fields that there are.
func formatOf(has func(field string) bool) Format {
	switch {
	case has("messages"):
		return OpenAI
	case has("conversations"):
		return ShareGPT
	case has("instruction"):
		return Alpaca
	}
	return ""
}

func readJSONL(path string, format Format, options Options) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(make([]byte, 1<<16), maxLine)
		names := newNamer(options, info)
		for number := 1; lines.Scan(); number++ {
			text := bytes.TrimSpace(bytes.TrimPrefix(lines.Bytes(), []byte("\xEF\xBB\xBF")))
			if len(text) == 0 {
				continue
			}
			row, err := parseLine(text, format)
			if err != nil {
				yield(row, fmt.Errorf("%s:%d: %w", path, number, err))
				return
			}
			names.name(&row)
			if !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(distill.Row{}, fmt.Errorf("%s: %w", path, err))
		}
	}
}

// namer gives rows that come without one an identity.
type namer struct {
	options Options
	made    time.Time
	samples map[string]int32 // answers of a prompt so far
}

func newNamer(options Options, info os.FileInfo) *namer {
	// The file's own time: its rows say nothing of theirs.
	return &namer{options, info.ModTime().UTC(), make(map[string]int32)}
}

func (n *namer) name(row *distill.Row) {
	row.Teacher, row.CreatedAt = n.options.Teacher, n.made
	row.Prompt.ID = prompt.ID(row.Prompt.Messages)
	row.Prompt.Split = prompt.SplitOf(row.Prompt.ID, n.options.Heldout)
	row.Sample = n.samples[row.Prompt.ID]
	n.samples[row.Prompt.ID]++
	row.ID = dataset.RowID(row.Prompt.ID, row.Sample, row.Teacher, distill.Sampling{})
}

// parseLine takes one object apart: what comes before the last answer was asked.
func parseLine(text []byte, format Format) (row distill.Row, err error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return row, err
	}
	messages, err := l.conversation(format)
	if err != nil {
		return row, err
	}
	last := len(messages) - 1
	if last < 1 || messages[last].Role != distill.RoleAssistant {
		return row, errors.New("the conversation does not end with an answer")
	}
	for _, m := range messages[:last] {
		_, content := SplitThinking(m.Content) // earlier thinking is not shown to a model again
		row.Prompt.Messages = append(row.Prompt.Messages, distill.Message{Role: m.Role, Content: content})
	}
	row.Reasoning, row.Response = SplitThinking(messages[last].Content)
	if messages[last].Reasoning != "" {
		row.Reasoning = messages[last].Reasoning
	}
	row.FinishReason = distill.FinishStop
	return row, nil
}

// conversation brings the three formats to messages with known roles.
func (l *line) conversation(format Format) ([]message, error) {
	var messages []message
	system := func() {
		if l.System != "" {
			messages = append(messages, message{Role: distill.RoleSystem, Content: l.System})
		}
	}
	switch format {
	case OpenAI:
		messages = l.Messages
		for i, m := range messages {
			if m.Role == "developer" { // OpenAI's newer word for system
				messages[i].Role = distill.RoleSystem
			}
		}
	case ShareGPT:
		system()
		for _, t := range l.Conversations {
			role, ok := shareGPTRoles[t.From]
			if !ok {
				return nil, fmt.Errorf("a turn from %q", t.From)
			}
			messages = append(messages, message{Role: role, Content: t.Value})
		}
	case Alpaca:
		if l.Output == nil {
			return nil, errors.New("no output")
		}
		system()
		question := l.Instruction
		if l.Input != "" {
			question += "\n\n" + l.Input
		}
		messages = append(messages, message{Role: distill.RoleUser, Content: question}, message{Role: distill.RoleAssistant, Content: *l.Output})
	}
	for i, m := range messages {
		if m.Role != distill.RoleSystem && m.Role != distill.RoleUser && m.Role != distill.RoleAssistant {
			return nil, fmt.Errorf("message %d: role %q is not system, user or assistant", i+1, m.Role)
		}
	}
	return messages, nil
}

func writeJSONL(w io.Writer, format Format, rows iter.Seq2[distill.Row, error], options Options) error {
	out := bufio.NewWriterSize(w, 1<<18)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for row, err := range rows {
		if err != nil {
			return err
		}
		object, err := asLine(&row, format, options.Thinking)
		if err != nil {
			return err
		}
		if err := enc.Encode(object); err != nil {
			return err
		}
	}
	return out.Flush()
}

// asLine returns the object that stands for row in one of the JSON formats.
func asLine(row *distill.Row, format Format, thinking Thinking) (any, error) {
	answer := message{Role: distill.RoleAssistant, Content: row.Response}
	switch {
	case row.Reasoning == "" || thinking == Leave:
	case thinking == Field && format == OpenAI:
		answer.Reasoning = row.Reasoning
	default:
		answer.Content = JoinThinking(row.Reasoning, row.Response)
	}
	switch format {
	case OpenAI:
		object := struct {
			Messages []message `json:"messages"`
		}{}
		for _, m := range row.Prompt.Messages {
			object.Messages = append(object.Messages, message{Role: m.Role, Content: m.Content})
		}
		object.Messages = append(object.Messages, answer)
		return object, nil
	case ShareGPT:
		object := struct {
			Conversations []turn `json:"conversations"`
		}{}
		for _, m := range row.Prompt.Messages {
			object.Conversations = append(object.Conversations, turn{shareGPTName(m.Role), m.Content})
		}
		object.Conversations = append(object.Conversations, turn{"gpt", answer.Content})
		return object, nil
	}
	return asAlpaca(row, answer.Content)
}

func shareGPTName(role string) string {
	switch role {
	case distill.RoleUser:
		return "human"
	case distill.RoleAssistant:
		return "gpt"
	}
	return role
}

// asAlpaca writes a row that holds one question; the format knows no turns.
func asAlpaca(row *distill.Row, answer string) (any, error) {
	object := struct {
		System      string `json:"system,omitempty"`
		Instruction string `json:"instruction"`
		Input       string `json:"input"`
		Output      string `json:"output"`
	}{Output: answer}
	messages := row.Prompt.Messages
	if len(messages) > 0 && messages[0].Role == distill.RoleSystem {
		object.System, messages = messages[0].Content, messages[1:]
	}
	if len(messages) != 1 || messages[0].Role != distill.RoleUser {
		return nil, fmt.Errorf("row %s: %d messages: alpaca holds a single question", row.ID, len(row.Prompt.Messages))
	}
	object.Instruction = messages[0].Content
	return object, nil
}
