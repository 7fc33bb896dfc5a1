package infer

import (
	"context"
	"fmt"
	"iter"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/panel"
)

// input names what the matrices of a layer are multiplied with; several share one.
type input int

const (
	inputQKV input = iota
	inputAttended
	inputGateUp
	inputInner
	inputHead // of the output matrix; it belongs to no layer
	inputKinds
)

// readers are the weights multiplied with each input.
var readers = [inputKinds][]string{
	inputQKV:      {"attn_q", "attn_k", "attn_v"},
	inputAttended: {"attn_output"},
	inputGateUp:   {"ffn_gate", "ffn_up"},
	inputInner:    {"ffn_down"},
	inputHead:     {"output"},
}

// collector sums the squares of the inputs of every matrix.
type collector struct {
	sums [][inputKinds][]float64 // by layer
	rows [][inputKinds]int
}

// add counts the rows of in. A nil collector does nothing.
func (c *collector) add(layer int, name input, in *panel.Input) {
	if c == nil {
		return
	}
	sums := &c.sums[layer][name]
	if *sums == nil {
		*sums = make([]float64, in.Cols)
	}
	for i, x := range in.X {
		(*sums)[i%in.Cols] += float64(x) * float64(x)
	}
	c.rows[layer][name] += in.Rows
}

// Importance returns, for each matrix, the mean square of every column of what it is multiplied with over all positions
// of the sequences: what an error in that column costs, as quant.Encode wants it. Sequences longer than the context are
// refused, empty ones passed over. A tied embedding is listed under both its names.
func (m *Model) Importance(ctx context.Context, sequences iter.Seq[[]Token]) (model.Importance, error) {
	c := &collector{sums: make([][inputKinds][]float64, len(m.layers)), rows: make([][inputKinds]int, len(m.layers))}
	ws := &workspace{collector: c}
	for tokens := range sequences {
		if err := m.check(tokens, 0); err != nil {
			return nil, err
		}
		err := m.prefillIn(ctx, ws, newCache(&m.cfg), tokens, len(tokens), func(int, []float32) {})
		if err != nil {
			return nil, err
		}
	}
	return c.means(m.cfg.TiedEmbeddings)
}

func (c *collector) means(tied bool) (model.Importance, error) {
	all := make(model.Importance)
	for layer := range c.sums {
		for kind, sums := range c.sums[layer] {
			if input(kind) == inputHead && layer > 0 {
				continue
			}
			if c.rows[layer][kind] == 0 {
				return nil, fmt.Errorf("infer: no tokens to compute an importance from")
			}
			mean := make([]float32, len(sums))
			for i, s := range sums {
				mean[i] = float32(s / float64(c.rows[layer][kind]))
			}
			for _, name := range readers[kind] {
				if input(kind) != inputHead {
					name = fmt.Sprintf("blk.%d.%s", layer, name)
				}
				all[name+".weight"] = mean
			}
		}
	}
	if tied {
		all["token_embd.weight"] = all["output.weight"]
	}
	return all, nil
}
