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
	p := packer{from: m, into: r}
	r.embedding = p.matrix("token_embd.weight", nil)
	r.norm = p.vector("output_norm.weight", nil)
	r.output = r.embedding
	if !m.TiedEmbeddings {
		r.output = p.matrix("output.weight", nil)
	}
	r.layers = make([]layer, m.Layers)
	for i := range r.layers {
		p.layer(i)
	}
	if p.err != nil {
		r.pool.Close()
		return nil, fmt.Errorf("infer: %w", p.err)
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

func (p *packer) matrix(name string, order []int) *panel.Matrix {
	t, ok := p.tensor(name)
	if !ok {
		return nil
	}
	if len(t.Shape) != 2 || !t.Type.Fits(t.Columns()) || len(t.Data) != t.Rows()*t.Type.RowBytes(t.Columns()) {
		p.err = fmt.Errorf("tensor %q: %d bytes of %v do not make shape %v", name, len(t.Data), t.Type, t.Shape)
		return nil
	}
	p.into.bytes += int64(len(t.Data))
	return panel.Pack(p.into.pool, t.Type, t.Rows(), t.Columns(), t.Data, order)
}

func (p *packer) vector(name string, order []int) []float32 {
	t, ok := p.tensor(name)
	if !ok {
		return nil
	}
	v, err := t.Float32()
	if err != nil {
		p.err = err
		return nil
	}
	if order == nil {
		return v
	}
	sorted := make([]float32, len(v))
	for i, from := range order {
		sorted[i] = v[from]
	}
	return sorted
}

func (p *packer) layer(i int) {
	c, l := &p.into.cfg, &p.into.layers[i]
	name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
	queries, keys := halves(c, c.Heads), halves(c, c.KVHeads)
	l.attnNorm = p.vector(name("attn_norm.weight"), nil)
	l.q = p.matrix(name("attn_q.weight"), queries)
	l.k = p.matrix(name("attn_k.weight"), keys)
	l.v = p.matrix(name("attn_v.weight"), nil)
	if c.AttentionBias {
		l.qBias = p.vector(name("attn_q.bias"), queries)
		l.kBias = p.vector(name("attn_k.bias"), keys)
		l.vBias = p.vector(name("attn_v.bias"), nil)
	}
	if c.QKNorm {
		l.qNorm = p.vector(name("attn_q_norm.weight"), nil)
		l.kNorm = p.vector(name("attn_k_norm.weight"), nil)
	}
	l.o = p.matrix(name("attn_output.weight"), nil)
	l.ffnNorm = p.vector(name("ffn_norm.weight"), nil)
	l.gate = p.matrix(name("ffn_gate.weight"), nil)
	l.up = p.matrix(name("ffn_up.weight"), nil)
	l.down = p.matrix(name("ffn_down.weight"), nil)
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
