package workbench

import (
	"context"
	"fmt"
	"os"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/progress"
)

// ImportanceRows is the number of training rows an importance is computed from unless told: llama.cpp's users take a hundred
// or two pieces of text, and more changes nothing.
const ImportanceRows = 128

// ImportanceOptions say what an importance is measured on.
type ImportanceOptions struct {
	Data    string // a text file, or a dataset's folder
	Window  int    // tokens of a piece of text; 0 means 512, or the model's context where that is shorter
	Pieces  int    // pieces of text, or rows, at most; 0 means all of a text and 128 rows
	Threads int
	Monitor progress.Monitor
}

// MeasureImportance returns the importance of a model's columns over a text or the rows of a dataset, and what it was
// measured on. A text is cut into windows as llama-imatrix cuts it, each beginning anew; a row is what a student would
// learn from it, prompt and answer, and rows longer than the context are passed over.
func MeasureImportance(ctx context.Context, name string, o ImportanceOptions) (model.Importance, model.ImportanceSource, error) {
	var source model.ImportanceSource
	m, err := Open(name)
	if err != nil {
		return nil, source, err
	}
	defer m.Close()
	if m.Tokenizer == nil {
		return nil, source, hint.Errorf("put its tokenizer.json into the folder", "%s has no tokenizer", name)
	}
	ready, err := infer.New(m, infer.Options{Threads: o.Threads})
	if err != nil {
		return nil, source, err
	}
	defer ready.Close()
	pieces, err := o.pieces(ready, m.Template)
	if err != nil {
		return nil, source, err
	}
	source = model.ImportanceSource{Datasets: []string{o.Data}, Chunks: len(pieces), ChunkSize: o.Window}
	meter := o.Monitor.Start("importance", "pieces", int64(len(pieces)), 0)
	defer meter.Stop()
	found, err := ready.Importance(ctx, func(yield func([]distill.Token) bool) {
		for _, p := range pieces {
			if !yield(p) {
				return
			}
			meter.Add(1)
		}
	})
	return found, source, err
}

// pieces returns the token sequences that the importance is measured on, and settles the window.
func (o *ImportanceOptions) pieces(m *infer.Model, template string) ([][]distill.Token, error) {
	info, err := os.Stat(o.Data)
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	var pieces [][]distill.Token
	if info.IsDir() {
		pieces, err = o.rows(m, template)
	} else {
		pieces, err = o.windows(m)
	}
	if err == nil && len(pieces) == 0 {
		err = hint.Errorf("give a longer text, or a dataset with rows", "%s holds nothing to measure an importance on", o.Data)
	}
	return pieces, err
}

// windows cuts a text; what does not fill a window is left out, unless it is all there is.
func (o *ImportanceOptions) windows(m *infer.Model) ([][]distill.Token, error) {
	if o.Window == 0 {
		o.Window = min(512, m.Context())
	}
	if o.Window < 2 || o.Window > m.Context() {
		return nil, hint.Errorf("--ctx sets it", "a window of %d tokens is not between 2 and the model's context of %d", o.Window, m.Context())
	}
	text, err := os.ReadFile(o.Data)
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	if len(text) == 0 {
		return nil, nil
	}
	tokens := TextTokens(m.Tokenizer(), string(text), false)
	o.Window = min(o.Window, len(tokens))
	var pieces [][]distill.Token
	for ; len(tokens) >= o.Window && (o.Pieces == 0 || len(pieces) < o.Pieces); tokens = tokens[o.Window:] {
		pieces = append(pieces, anew(m.Tokenizer(), tokens[:o.Window]))
	}
	return pieces, nil
}

// rows renders the first rows of a dataset in the model's own form of conversation. The window becomes their mean length.
func (o *ImportanceOptions) rows(m *infer.Model, template string) ([][]distill.Token, error) {
	data, err := dataset.Open(o.Data, dataset.Options{ReadOnly: true})
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	defer data.Close()
	format, err := chat.New(m.Tokenizer(), template)
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	limit := o.Pieces
	if limit == 0 {
		limit = ImportanceRows
	}
	var pieces [][]distill.Token
	total := 0
	for row, err := range data.Rows() {
		if err != nil {
			return nil, err
		}
		if len(pieces) == limit {
			break
		}
		ids, _, err := format.Example(row.Prompt.Messages, row.Reasoning, row.Response)
		if err != nil {
			return nil, fmt.Errorf("importance: row %s: %w", row.ID, err)
		}
		if len(ids) > m.Context() {
			continue
		}
		pieces, total = append(pieces, ids), total+len(ids)
	}
	o.Window = total / max(1, len(pieces))
	return pieces, nil
}
