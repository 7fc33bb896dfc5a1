package workbench

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
)

// Talker is a model ready to answer conversations: for chat and for serving.
type Talker struct {
	Name       string
	Format     *chat.Format
	Model      *infer.Model
	Engine     *infer.Engine
	Parameters int64
	Bytes      int64
}

// OpenTalker opens the model that a MODEL argument names and starts an engine with the given number of slots.
func OpenTalker(name string, threads, context, slots int) (*Talker, error) {
	m, err := OpenWithTokenizer(name)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	format, err := chat.New(m.Tokenizer, m.Template)
	if err != nil {
		return nil, &hint.Error{Err: fmt.Errorf("%s: %w", name, err)}
	}
	ready, err := infer.New(m, infer.Options{Threads: threads, Context: context})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &Talker{Name: m.Name, Format: format, Model: ready, Engine: infer.NewEngine(ready, infer.EngineOptions{Slots: slots}),
		Parameters: int64(m.Params()), Bytes: m.Bytes()}, nil
}

// Close ends the engine and frees the model.
func (t *Talker) Close() {
	t.Engine.Close()
	t.Model.Close()
}
