package prompt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// maxLine bounds a line of a JSONL file.
const maxLine = 64 << 20

// File yields the prompts of a JSONL file, leaving out repetitions. An error names file and line and ends the iteration.
func File(path string, options Options) iter.Seq2[distill.Prompt, error] {
	return func(yield func(distill.Prompt, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(distill.Prompt{}, fmt.Errorf("prompt: %w", err))
			return
		}
		defer file.Close()
		Read(file, filepath.Base(path), options)(yield)
	}
}

// Read is [File] over any reader; name stands for it in errors.
func Read(r io.Reader, name string, options Options) iter.Seq2[distill.Prompt, error] {
	return func(yield func(distill.Prompt, error) bool) {
		fail := func(err error) { yield(distill.Prompt{}, err) }
		s, err := options.compile()
		if err != nil {
			fail(err)
			return
		}
		lines := bufio.NewScanner(r)
		lines.Buffer(make([]byte, 1<<16), maxLine)
		number, taken := 0, 0
		for lines.Scan() {
			number++
			line := bytes.TrimSpace(lines.Bytes())
			if number == 1 {
				line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
			}
			if len(line) == 0 {
				continue
			}
			p, err := s.line(line)
			var again bool
			if err == nil {
				again, err = s.finish(&p)
			}
			if err != nil {
				fail(fmt.Errorf("prompt: %s:%d: %w", name, number, err))
				return
			}
			if again {
				continue
			}
			if !yield(p, nil) {
				return
			}
			if taken++; taken == s.Limit {
				return
			}
		}
		if err := lines.Err(); err != nil {
			fail(fmt.Errorf("prompt: %s:%d: %w", name, number+1, err))
		}
	}
}

// line makes a prompt of one JSON object, without identity and split.
func (s *source) line(line []byte) (p distill.Prompt, err error) {
	fields, err := parseObject(line)
	if err != nil {
		return p, err
	}
	if p.Messages, err = s.messages(fields); err != nil {
		return p, err
	}
	if s.reference != nil {
		if p.Reference, err = s.reference.take(fields); err != nil {
			return p, err
		}
	}
	if s.ID != "" {
		id, ok := fields[s.ID]
		if !ok || id == nil || fmt.Sprint(id) == "" {
			return p, fmt.Errorf("no id in field %q", s.ID)
		}
		p.ID = fmt.Sprint(id)
	}
	p.Meta, err = meta(line, fields, s.template == nil)
	return p, err
}

// parseObject decodes one JSON object; numbers keep their digits.
func parseObject(line []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.UseNumber()
	var fields map[string]any
	if err := dec.Decode(&fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, errors.New("not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more than one JSON value on the line")
	}
	return fields, nil
}

// messages finds the question among a line's fields: the template if there is one, else messages, else prompt.
func (s *source) messages(fields map[string]any) ([]distill.Message, error) {
	if s.template != nil {
		var text strings.Builder
		if err := s.template.Execute(&text, fields); err != nil {
			return nil, err
		}
		if strings.TrimSpace(text.String()) == "" {
			return nil, errors.New("the template gives an empty message")
		}
		return []distill.Message{{Role: distill.RoleUser, Content: text.String()}}, nil
	}
	if list, ok := fields["messages"]; ok {
		return parseMessages(list)
	}
	if text, ok := fields["prompt"].(string); ok && text != "" {
		return []distill.Message{{Role: distill.RoleUser, Content: text}}, nil
	}
	return nil, errors.New("neither messages nor prompt, and no template")
}

// parseMessages reads a conversation up to its last question: an answer that follows is not asked again.
func parseMessages(list any) ([]distill.Message, error) {
	items, ok := list.([]any)
	if !ok {
		return nil, errors.New("messages is not a list")
	}
	var messages []distill.Message
	for i, item := range items {
		object, _ := item.(map[string]any)
		role, _ := object["role"].(string)
		content, ok := contentText(object["content"])
		switch {
		case role != distill.RoleSystem && role != distill.RoleUser && role != distill.RoleAssistant:
			return nil, fmt.Errorf("message %d: role %q is not system, user or assistant", i+1, role)
		case !ok:
			return nil, fmt.Errorf("message %d: content is not text", i+1)
		}
		messages = append(messages, distill.Message{Role: role, Content: content})
	}
	for len(messages) > 0 && messages[len(messages)-1].Role == distill.RoleAssistant {
		messages = messages[:len(messages)-1]
	}
	if len(messages) == 0 || messages[len(messages)-1].Role != distill.RoleUser {
		return nil, errors.New("messages hold no question of the user")
	}
	return messages, nil
}

// contentText takes content as the OpenAI API allows it: text, or a list of text parts.
func contentText(content any) (string, bool) {
	switch c := content.(type) {
	case string:
		return c, true
	case []any:
		var text strings.Builder
		for _, part := range c {
			object, _ := part.(map[string]any)
			s, ok := object["text"].(string)
			if !ok {
				return "", false
			}
			text.WriteString(s)
		}
		return text.String(), true
	}
	return "", false
}

// meta keeps a line's own fields as they are, but for the question where that is a field of its own.
func meta(line []byte, fields map[string]any, plain bool) (json.RawMessage, error) {
	if !plain {
		return bytes.Clone(line), nil
	}
	delete(fields, "messages")
	delete(fields, "prompt")
	if len(fields) == 0 {
		return nil, nil
	}
	return json.Marshal(fields)
}
