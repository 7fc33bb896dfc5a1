// Package reference is the teacher that answers from the book: every prompt it knows carries its own solution, and
// the teacher gives that back. Training on it is ordinary fine-tuning on gold text, through the same pipeline, dataset
// and report as distillation; the built-in model was made this way.
//
//	t, err := reference.New("gold", slices.Values(prompts))
//	answer, err := t.Complete(ctx, teacher.Request{Messages: prompts[0].Messages})
//
// The answer is the prompt's Reference. The thinking, when there is any, is the string that the prompt's meta keeps
// under "reasoning". The teacher has no distribution, so it gives no signals, and no tokenizer, so its tokens are words.
package reference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
)

// Teacher answers the prompts it was made with. It is safe for concurrent use.
type Teacher struct {
	name    string
	answers map[string]solution // by conversation
	closed  atomic.Bool
}

type solution struct{ reasoning, response string }

// New returns a teacher of the given name that knows the solutions of prompts. Prompts without a reference are not
// known to it; two prompts that ask the same and have different solutions are an error, and so is a meta that is not
// a JSON object or has a "reasoning" that is no string.
func New(name string, prompts iter.Seq[distill.Prompt]) (*Teacher, error) {
	t := &Teacher{name: name, answers: make(map[string]solution)}
	for p := range prompts {
		if p.Reference == "" {
			continue
		}
		s := solution{response: p.Reference}
		if p.Meta != nil {
			var meta struct {
				Reasoning string `json:"reasoning"`
			}
			if err := json.Unmarshal(p.Meta, &meta); err != nil {
				return nil, fmt.Errorf("reference: meta of prompt %s: %w", p.ID, err)
			}
			s.reasoning = meta.Reasoning
		}
		key := conversation(p.Messages)
		if known, again := t.answers[key]; again && known != s {
			return nil, fmt.Errorf("reference: prompt %s repeats a question with another solution", p.ID)
		}
		t.answers[key] = s
	}
	return t, nil
}

// conversation is the identity of a list of messages.
func conversation(messages []distill.Message) string {
	key, err := json.Marshal(messages)
	if err != nil {
		panic("reference: messages do not encode: " + err.Error()) // strings always do
	}
	return string(key)
}

// Info returns the teacher's name; calls cost nothing, so how many are in flight is the caller's choice.
func (t *Teacher) Info() teacher.Info { return teacher.Info{Name: t.name} }

var errClosed = errors.New("reference: teacher is closed")

// Complete returns the solution of the conversation, word for word; of the sampling only MaxTokens has a say, which
// counts words. An unknown conversation and a wish for a signal are permanent errors.
func (t *Teacher) Complete(ctx context.Context, req teacher.Request) (*distill.Completion, error) {
	start := time.Now()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if t.closed.Load() {
		return nil, &teacher.Error{Kind: teacher.Fatal, Err: errClosed}
	}
	if kind := req.Signal.Kind; kind != "" && kind != distill.NoSignal {
		return nil, teacher.Errorf(teacher.Permanent, "set the signal to none: gold text comes without probabilities",
			"reference: no %s signal", kind)
	}
	s, ok := t.answers[conversation(req.Messages)]
	if !ok {
		return nil, teacher.Errorf(teacher.Permanent, "every prompt needs a reference answer for this teacher",
			"reference: no solution for a conversation of %d messages", len(req.Messages))
	}
	c := &distill.Completion{Teacher: t.name, FinishReason: distill.FinishStop}
	for _, m := range req.Messages {
		c.PromptTokens += int32(len(strings.Fields(m.Content)))
	}
	limit := req.Sampling.MaxTokens
	if limit <= 0 {
		limit = math.MaxInt32
	}
	var thought, said int
	c.Reasoning, thought = firstWords(s.reasoning, limit)
	c.Response, said = firstWords(s.response, limit-thought)
	if c.Reasoning != s.reasoning || c.Response != s.response {
		c.FinishReason = distill.FinishLength
	}
	c.ReasoningTokens, c.CompletionTokens = int32(thought), int32(thought+said)
	c.Latency = max(1, time.Since(start)) // the clock may be coarser than the work
	return c, nil
}

// firstWords returns text, cut after n words if it has more, and the number of words it then has.
func firstWords(text string, n int) (string, int) {
	words, inside := 0, false
	for i, r := range text {
		if unicode.IsSpace(r) {
			inside = false
			continue
		}
		if !inside && words == n {
			return strings.TrimRightFunc(text[:i], unicode.IsSpace), words
		}
		if !inside {
			words, inside = words+1, true
		}
	}
	return text, words
}

// Close ends the teacher: later calls fail.
func (t *Teacher) Close() error {
	t.closed.Store(true)
	return nil
}
