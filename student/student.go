package student

import (
	"fmt"
	"io"
	"math"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Student is a model that can be trained. It is used by one goroutine at a time.
type Student struct {
	cfg      model.Config
	settings settings
	pool     *kernel.Pool
	params   nn.Params // in the order of cfg.Specs, then adapters
	byName   map[string]*nn.Param
	adapters map[string]*nn.Adapter // by the name of the weight they add to
	rope     *kernel.RoPE           // grown to the longest sequence seen
	graphs   map[graphKey]*graph
	packs    nn.Packs
	watch    watcher      // nil but while importance is measured
	base     *model.Model // where the frozen matrices lie; nil where all weights are the student's own
	owned    []io.Closer
}

type settings struct {
	threads    int
	precision  kernel.Precision
	checkpoint bool
	frozen     bool
	lora       *LoRA
	round      Rounding
	matching   *Matching
}

// Option changes how a student is trained, not what it is.
type Option func(*settings)

// Threads sets the number of worker threads; the default is one per available core.
func Threads(n int) Option { return func(s *settings) { s.threads = n } }

// BF16 rounds the inputs of matrix products to bfloat16 in training, or not. Sums, weights and optimizer stay float32.
// The default is what the machine is fastest at.
func BF16(on bool) Option {
	return func(s *settings) {
		s.precision = kernel.FP32
		if on {
			s.precision = kernel.BF16
		}
	}
}

// Recompute trades time for memory: of each block half only the input is kept, the rest is computed again in the backward
// pass. It costs about a third more time, and gives the same bits.
func Recompute() Option { return func(s *settings) { s.checkpoint = true } }

// Frozen makes a student that is only run, measured or cut: its weights have no gradients, and it cannot be trained.
func Frozen() Option { return func(s *settings) { s.frozen = true } }

// New returns a student with random weights: normal with deviation 0.02, projections back to the residual stream smaller
// by √(2·layers) (Radford et al. 2019, GPT-2, section 2.3), norms 1, biases 0. A seed gives each weight the same values
// whatever the other weights are.
func New(cfg model.Config, seed uint64, options ...Option) (*Student, error) {
	s, err := build(cfg, nil, options)
	if err != nil {
		return nil, err
	}
	for _, p := range s.params {
		initialise(p, cfg, seed)
	}
	if err := s.adapt(seed); err != nil {
		return nil, err
	}
	return s, nil
}

// FromModel returns a student that starts from a model's weights, decoded to float32. One whose weights are frozen, by
// WithLoRA or Frozen, leaves the matrices where they lie and decodes them a tile at a time within each product: they take
// the memory that they have in the file, and m must stay open as long as the student is used (see Own).
func FromModel(m *model.Model, options ...Option) (*Student, error) {
	cfg := m.Config
	cfg.RopeInterleaved = false
	s, err := build(cfg, m, options)
	if err != nil {
		return nil, err
	}
	for _, p := range s.params {
		if p.Data() == nil {
			continue
		}
		if err := s.read(p, m); err != nil {
			s.Close()
			return nil, fmt.Errorf("student: %w", err)
		}
	}
	if err := s.adapt(0); err != nil {
		return nil, err
	}
	return s, nil
}

// read sets a parameter to a model's weight: a matrix without a copy of it in between.
func (s *Student) read(p *nn.Param, m *model.Model) error {
	defer p.Changed()
	if len(p.Shape()) == 2 {
		rows, err := m.Rows(p.Name())
		if err != nil {
			return err
		}
		n, cols := rows.Shape()
		const together = 256
		s.pool.For((n+together-1)/together, func(block int) {
			lo, hi := block*together, min(n, (block+1)*together)
			rows.Decode(p.Data()[lo*cols:hi*cols], lo, hi)
		})
		return nil
	}
	w, err := m.Float32(p.Name())
	if err != nil {
		return err
	}
	if len(w) != len(p.Data()) {
		return fmt.Errorf("weight %s has %d elements, not %d", p.Name(), len(w), len(p.Data()))
	}
	copy(p.Data(), w)
	return nil
}

// Own closes c when the student is closed: the model that its frozen weights lie in.
func (s *Student) Own(c io.Closer) { s.owned = append(s.owned, c) }

// build returns a student with zero weights, but for frozen matrices: those stay in m, where it is not nil.
func build(cfg model.Config, m *model.Model, options []Option) (*Student, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	if cfg.RopeInterleaved {
		return nil, fmt.Errorf("student: weights must lie in the canonical rotary layout")
	}
	s := &Student{cfg: cfg, settings: settings{precision: kernel.DefaultPrecision()}, byName: map[string]*nn.Param{}, graphs: map[graphKey]*graph{}, packs: nn.Packs{}}
	for _, o := range options {
		o(&s.settings)
	}
	s.pool = kernel.NewPool(s.settings.threads)
	frozen := s.settings.frozen || s.settings.lora != nil
	if frozen && m != nil {
		s.base = m
	} else {
		s.stacks(frozen)
	}
	for _, spec := range cfg.Specs() {
		p := s.byName[spec.Name]
		switch {
		case p != nil:
		case s.base != nil && len(spec.Shape) == 2:
			rows, err := m.Rows(spec.Name)
			if err != nil {
				s.pool.Close()
				return nil, fmt.Errorf("student: %w", err)
			}
			p = nn.NewBase(spec.Name, rows)
		default:
			p = nn.NewParam(spec.Name, frozen, spec.Shape...)
		}
		if len(spec.Shape) == 2 {
			p.Round = s.settings.round
		}
		s.add(p)
	}
	return s, nil
}

// stacks makes the weights that are multiplied with the same input, side by side.
func (s *Student) stacks(frozen bool) {
	for layer := range s.cfg.Layers {
		prefix := fmt.Sprintf("blk.%d.", layer)
		kv := s.cfg.KVHeads * s.cfg.HeadDim
		for _, stack := range []nn.Params{
			nn.NewStack(frozen, s.cfg.Width, []string{prefix + "attn_q.weight", prefix + "attn_k.weight", prefix + "attn_v.weight"},
				[]int{s.cfg.Heads * s.cfg.HeadDim, kv, kv}),
			nn.NewStack(frozen, s.cfg.Width, []string{prefix + "ffn_gate.weight", prefix + "ffn_up.weight"}, []int{s.cfg.FFN, s.cfg.FFN}),
		} {
			for _, p := range stack {
				s.byName[p.Name()] = p
			}
		}
	}
}

func (s *Student) add(p *nn.Param) {
	s.params = append(s.params, p)
	s.byName[p.Name()] = p
}

// Config returns the student's shape.
func (s *Student) Config() model.Config { return s.cfg }

// Params returns all parameters, in the same order in every process; those of low-rank adapters come last. Frozen ones
// are among them.
func (s *Student) Params() nn.Params { return s.params }

// Weights returns the elements of a weight by its canonical name, nil if there is none or it lies in a model's file. They
// are the student's own: whoever writes to them calls Changed.
func (s *Student) Weights(name string) []float32 {
	if p := s.byName[name]; p != nil {
		return p.Data()
	}
	return nil
}

// Changed says that weights have been written to from outside.
func (s *Student) Changed() {
	for _, p := range s.params {
		p.Changed()
	}
}

// Arithmetic returns the workers and the precision of training.
func (s *Student) Arithmetic() (*kernel.Pool, kernel.Precision) { return s.pool, s.settings.precision }

// Close ends the student's workers, lets go of its graphs and closes what it owns. Its own weights stay valid.
func (s *Student) Close() {
	s.pool.Close()
	for _, g := range s.graphs {
		g.close()
	}
	s.graphs, s.packs = map[graphKey]*graph{}, nn.Packs{}
	for _, c := range s.owned {
		c.Close() // what was only read
	}
	s.owned = nil
}

// Model returns the student as a model, for inference and export. It shares the student's weights, so it follows
// training; with low-rank adapters the weights they add to are copies with the adapters merged in, made anew whenever one
// is asked for where the weights lie in a model's file.
func (s *Student) Model(name string, tok *tokenizer.Tokenizer, template string) (*model.Model, error) {
	if s.base != nil {
		made := map[string]func() []float32{}
		var merged []float32 // one at a time
		for weight, a := range s.adapters {
			made[weight] = func() []float32 {
				merged = a.Merge(merged, s.byName[weight])
				return merged
			}
		}
		m := s.base.With(made)
		m.Name, m.Tokenizer, m.Template = name, tok, template
		return m, nil
	}
	weights := map[string][]float32{}
	for _, spec := range s.cfg.Specs() {
		p := s.byName[spec.Name]
		weights[spec.Name] = p.Data()
		if a := s.adapters[spec.Name]; a != nil {
			weights[spec.Name] = a.Merge(nil, p)
		}
	}
	m, err := model.New(s.cfg, tok, template, weights)
	if err != nil {
		return nil, fmt.Errorf("student: %w", err)
	}
	m.Name = name
	return m, nil
}

// table returns cosines and sines for at least that many positions.
func (s *Student) table(positions int) *kernel.RoPE {
	if s.rope != nil && len(s.rope.Cos) >= positions*s.cfg.HeadDim/2 {
		return s.rope
	}
	freqs, scale := s.cfg.RotaryFrequencies()
	wide := make([]float64, len(freqs))
	for i, f := range freqs {
		wide[i] = float64(f)
	}
	s.rope = kernel.NewRoPE(positions, wide)
	if math.Abs(float64(scale)-1) > 0 {
		kernel.Scale(s.rope.Cos, scale)
		kernel.Scale(s.rope.Sin, scale)
	}
	return s.rope
}
