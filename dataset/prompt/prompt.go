// Package prompt makes the questions that teachers are asked: from a JSONL file, or from a list of texts.
//
// A line of a file is a JSON object with one of
//
//	{"messages": [{"role": "user", "content": "…"}]}     as the OpenAI API takes them
//	{"prompt": "…"}                                      one user message
//	{"question": "…", "answer": "… #### 72"}             any fields, and a template: "{{.question}}"
//
// The two calls most users need:
//
//	for p, err := range prompt.File("train.jsonl", prompt.Options{Template: "{{.question}}", Heldout: 0.05}) { … }
//	prompts, err := prompt.List([]string{"Why is the sky blue?"}, prompt.Options{})
//
// Identity and split depend on the prompt alone: where a prompt stands in its file, and what else is there, change
// neither, so prompts can be added to a run without moving one from training to evaluation.
package prompt

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"text/template"

	"github.com/seed-d24fde5f/distill"
)

// Options say how prompts are made of lines. The zero value takes lines with messages or prompt.
type Options struct {
	Template  string     // of the user's message over a line's fields, as text/template; a missing field is an error
	System    string     // system message put first, unless a line brings its own; empty for none
	Reference *Reference // where the expected answer is; nil for nowhere
	ID        string     // field that identifies a line; empty: a hash of the messages
	Heldout   float64    // share that is never trained on, in [0,1]
	Limit     int        // most prompts taken; 0 for all
}

// ErrDuplicate says that two different lines carry the same id.
var ErrDuplicate = errors.New("another prompt has the same id")

// source is what Options are once they are checked.
type source struct {
	Options
	template  *template.Template
	reference *extractor
	seen      map[[16]byte][16]byte // id to content; a million prompts take some 40 MB
}

func (o Options) compile() (*source, error) {
	s := &source{Options: o, seen: make(map[[16]byte][16]byte)}
	if o.Heldout < 0 || o.Heldout > 1 || o.Heldout != o.Heldout {
		return nil, fmt.Errorf("prompt: held-out share of %v: it is between 0 and 1", o.Heldout)
	}
	if o.Template != "" {
		t, err := template.New("template").Option("missingkey=error").Parse(o.Template)
		if err != nil {
			return nil, fmt.Errorf("prompt: %w", err)
		}
		s.template = t
	}
	if o.Reference != nil {
		e, err := o.Reference.compile()
		if err != nil {
			return nil, err
		}
		s.reference = e
	}
	return s, nil
}

// finish gives a prompt its identity and split. A prompt that is there already is reported by again.
func (s *source) finish(p *distill.Prompt) (again bool, err error) {
	if s.System != "" && (len(p.Messages) == 0 || p.Messages[0].Role != distill.RoleSystem) {
		p.Messages = append([]distill.Message{{Role: distill.RoleSystem, Content: s.System}}, p.Messages...)
	}
	content := hashMessages(p.Messages)
	if p.ID == "" {
		p.ID = hex.EncodeToString(content[:])
	}
	p.Split = SplitOf(p.ID, s.Heldout)
	sum := sha256.Sum256([]byte(p.ID))
	id := [16]byte(sum[:16])
	before, again := s.seen[id]
	if again && before != content {
		return true, fmt.Errorf("id %q: %w", p.ID, ErrDuplicate)
	}
	s.seen[id] = content
	return again, nil
}

// ID returns the identity of a prompt that brings none: 32 hexadecimal digits that depend on its messages alone.
func ID(messages []distill.Message) string {
	content := hashMessages(messages)
	return hex.EncodeToString(content[:])
}

func hashMessages(messages []distill.Message) [16]byte {
	h := sha256.New()
	text := func(s string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	for _, m := range messages {
		text(m.Role)
		text(m.Content)
	}
	return [16]byte(h.Sum(nil)[:16])
}

// SplitOf returns the split of the prompt with this id when a share of heldout is never trained on: a hash of the id,
// read as a number in [0,1), is below that share. Raising the share moves prompts to [distill.Heldout] only.
func SplitOf(id string, heldout float64) distill.Split {
	sum := sha256.Sum256([]byte("split\x00" + id))
	if float64(binary.LittleEndian.Uint64(sum[:])>>11)/(1<<53) < heldout {
		return distill.Heldout
	}
	return distill.Train
}

// List makes one prompt of each text, leaving out repetitions.
func List(texts []string, options Options) ([]distill.Prompt, error) {
	s, err := options.compile()
	if err != nil {
		return nil, err
	}
	var prompts []distill.Prompt
	for i, text := range texts {
		if text == "" {
			return nil, fmt.Errorf("prompt: prompt %d of the list is empty", i+1)
		}
		p := distill.Prompt{Messages: []distill.Message{{Role: distill.RoleUser, Content: text}}}
		again, err := s.finish(&p)
		if err != nil {
			return nil, fmt.Errorf("prompt: %w", err)
		}
		if again {
			continue
		}
		if prompts = append(prompts, p); len(prompts) == s.Limit {
			break
		}
	}
	return prompts, nil
}

// Collect gathers what [File] or [Read] yields, up to the first error.
func Collect(prompts iter.Seq2[distill.Prompt, error]) ([]distill.Prompt, error) {
	var all []distill.Prompt
	for p, err := range prompts {
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
