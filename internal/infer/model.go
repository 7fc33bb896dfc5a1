package infer

import (
	"fmt"
	"sync"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/panel"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Token is the id of a vocabulary entry.
type Token = distill.Token

// Options say how a model is made ready.
type Options struct {
	Threads int // 0 means one per available processor
	Context int // the longest sequence; 0 means the model's own
}

// Model is a model ready to run: its weights packed, its rotary angles tabulated. It is safe for concurrent use.
type Model struct {
	cfg       model.Config
	name      string
	tokenizer *tokenizer.Tokenizer
	context   int
	pool      *kernel.Pool
	rope      ropeTable
	spaces    sync.Pool // *workspace

	embedding *panel.Matrix // rows are looked up
	layers    []layer
	norm      []float32
	output    *panel.Matrix // (V, C); the embedding where they are tied
	bytes     int64         // of packed weights
	version   int           // of the weights: how often they were replaced
}

// layer is one transformer block. Vectors a model does not have are nil.
type layer struct {
	attnNorm, ffnNorm   []float32
	q, k, v, o          *panel.Matrix
	qBias, kBias, vBias []float32
	qNorm, kNorm        []float32
	gate, up, down      *panel.Matrix
}

// New packs the weights of m, which is not needed afterwards. Close the Model after use.
func New(m *model.Model, o Options) (*Model, error) {
	if err := m.Config.Validate(); err != nil {
		return nil, err
	}
	r := &Model{cfg: m.Config, name: m.Name, tokenizer: m.Tokenizer, context: m.Context}
	if o.Context > 0 {
		r.context = o.Context
	}
	r.pool = kernel.NewPool(o.Threads)
	r.layers = make([]layer, m.Layers)
	if err := r.pack(m); err != nil {
		r.pool.Close()
		return nil, err
	}
	r.rope.init(&r.cfg)
	r.spaces.New = func() any { return new(workspace) }
	return r, nil
}

// Close ends the model's threads. No method may be running or called afterwards.
func (m *Model) Close() { m.pool.Close() }

// Config returns the model's shape.
func (m *Model) Config() model.Config { return m.cfg }

// Name returns the model's own name.
func (m *Model) Name() string { return m.name }

// Tokenizer returns the model's tokenizer, nil if it has none.
func (m *Model) Tokenizer() *tokenizer.Tokenizer { return m.tokenizer }

// Context returns the length of the longest sequence.
func (m *Model) Context() int { return m.context }

// Refresh replaces the weights by those of m, which has the same shape and number formats as the model that New was
// given, in the memory that they have: what a student writes with while it learns. No call may be running; engines on the
// model forget what they remember of earlier prompts. After an error the model is of no more use.
func (m *Model) Refresh(from *model.Model) error {
	if from.Config != m.cfg {
		return fmt.Errorf("infer: weights of another shape than the model's: %+v", from.Config)
	}
	m.version++
	return m.pack(from)
}

// pack sets all weights.
func (m *Model) pack(from *model.Model) error {
	p := packer{from: from, into: m}
	m.bytes = 0
	p.matrix(&m.embedding, "token_embd.weight", nil)
	p.vector(&m.norm, "output_norm.weight", nil)
	if m.cfg.TiedEmbeddings {
		m.output = m.embedding
	} else {
		p.matrix(&m.output, "output.weight", nil)
	}
	for i := range m.layers {
		p.layer(i)
	}
	if p.err != nil {
		return fmt.Errorf("infer: %w", p.err)
	}
	return nil
}

// packer packs weights by name and keeps the first error.
type packer struct {
	from *model.Model
	into *Model
	err  error
}

func (p *packer) tensor(name string) (t model.Tensor, ok bool) {
	if p.err != nil {
		return t, false
	}
	t, ok = p.from.Tensor(name)
	if !ok {
		p.err = fmt.Errorf("tensor %q is missing", name)
	}
	return t, ok
}

// matrix packs a weight into dst, in the memory of what is there.
func (p *packer) matrix(dst **panel.Matrix, name string, order []int) {
	t, ok := p.tensor(name)
	if !ok {
		return
	}
	if len(t.Shape) != 2 || !t.Type.Fits(t.Columns()) || len(t.Data) != t.Rows()*t.Type.RowBytes(t.Columns()) {
		p.err = fmt.Errorf("tensor %q: %d bytes of %v do not make shape %v", name, len(t.Data), t.Type, t.Shape)
		return
	}
	p.into.bytes += int64(len(t.Data))
	if m := *dst; m != nil && m.Rows == t.Rows() && m.Cols == t.Columns() && m.Type == t.Type {
		m.Repack(p.into.pool, t.Data, order)
	} else {
		*dst = panel.Pack(p.into.pool, t.Type, t.Rows(), t.Columns(), t.Data, order)
	}
	p.from.Release(name) // packed, it is not needed twice
}

func (p *packer) vector(dst *[]float32, name string, order []int) {
	t, ok := p.tensor(name)
	if !ok {
		return
	}
	v, err := t.Float32()
	if err != nil {
		p.err = err
		return
	}
	if order == nil {
		*dst = v
		return
	}
	*dst = make([]float32, len(v))
	for i, from := range order {
		(*dst)[i] = v[from]
	}
}

func (p *packer) layer(i int) {
	c, l := &p.into.cfg, &p.into.layers[i]
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
	queries, keys := halves(c, c.Heads), halves(c, c.KVHeads)
	p.vector(&l.attnNorm, name("attn_norm.weight"), nil)
	p.matrix(&l.q, name("attn_q.weight"), queries)
	p.matrix(&l.k, name("attn_k.weight"), keys)
	p.matrix(&l.v, name("attn_v.weight"), nil)
	if c.AttentionBias {
		p.vector(&l.qBias, name("attn_q.bias"), queries)
		p.vector(&l.kBias, name("attn_k.bias"), keys)
		p.vector(&l.vBias, name("attn_v.bias"), nil)
	}
	if c.QKNorm {
		p.vector(&l.qNorm, name("attn_q_norm.weight"), nil)
		p.vector(&l.kNorm, name("attn_k_norm.weight"), nil)
	}
	p.matrix(&l.o, name("attn_output.weight"), nil)
	p.vector(&l.ffnNorm, name("ffn_norm.weight"), nil)
	p.matrix(&l.gate, name("ffn_gate.weight"), nil)
	p.matrix(&l.up, name("ffn_up.weight"), nil)
	p.matrix(&l.down, name("ffn_down.weight"), nil)
}

// halves returns the order of rows that turns interleaved rotary pairs into halves, nil where they are halves already.
// Scores are products of queries and keys, which do not change when both are permuted alike; so every model is rotated
// in one layout, and packing pays for it.
func halves(c *model.Config, heads int) []int {
	if !c.RopeInterleaved {
		return nil
	}
	d := c.HeadDim
	order := make([]int, heads*d)
	for i := range order {
		head, j := i/d, i%d
		order[i] = head*d + j%(d/2)*2 + j/(d/2)
	}
	return order
}
