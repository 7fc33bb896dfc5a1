package nn

import (
	"fmt"
	"testing"
	"time"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// stepShape is a model and a batch of sequences.
type stepShape struct{ layers, width, ffn, heads, kv, vocab, rows, length int }

// stepShapes are those that docs/kernels.md reports.
var stepShapes = []stepShape{
	{4, 256, 704, 4, 4, 8192, 16, 256},
	{6, 384, 1024, 6, 6, 512, 16, 256},
	{8, 512, 1408, 8, 2, 32000, 8, 256},
}

// timedFunction adds up what a Function takes.
type timedFunction struct {
	Function
	name  string
	spent map[string]time.Duration
}

func (f *timedFunction) Forward(in []G.Value) (G.Value, error) {
	began := time.Now()
	defer func() { f.spent[f.name+"-forward"] += time.Since(began) }()
	return f.Function.Forward(in)
}

func (f *timedFunction) Backward(in []G.Value, out, dy G.Value) ([]G.Value, error) {
	began := time.Now()
	defer func() { f.spent[f.name+"-backward"] += time.Since(began) }()
	return f.Function.Backward(in, out, dy)
}

// timedStep is a training step whose operations are timed.
type timedStep struct {
	e       *Engine
	batch   *Batch
	params  Params
	machine G.VM
	moments [2][]float32
	steps   int
	spent   map[string]time.Duration
}

func newTimedStep(b *testing.B, s stepShape, e *Engine) *timedStep {
	t := &timedStep{e: e, batch: &Batch{Rows: s.rows, Length: s.length}, spent: map[string]time.Duration{}}
	for range s.rows * s.length {
		t.batch.Tokens = append(t.batch.Tokens, distill.Token(random.IntN(s.vocab)))
		t.batch.Targets = append(t.batch.Targets, distill.Token(random.IntN(s.vocab)))
		t.batch.Weights = append(t.batch.Weights, 1)
	}
	g := G.NewGraph()
	in := NewInputs(g)
	ids := func(name string, ids []distill.Token) *G.Node {
		return G.NodeFromAny(g, tensor.New(tensor.WithShape(len(ids)), tensor.WithBacking(ids)), G.WithName(name))
	}
	table := t.matrices(s.width, "table", s.vocab)[0]
	x, err := Embed(e, in, ids("tokens", t.batch.Tokens), table)
	rope := kernel.NewRoPE(s.length, kernel.RoPEFrequencies(s.width/s.heads, 1e4))
	for range s.layers {
		d := s.width / s.heads
		qkv := t.matrices(s.width, "qkv", s.width, s.kv*d, s.kv*d)
		gateUp := t.matrices(s.width, "gate-up", s.ffn, s.ffn)
		a := &Attention{Norm: t.norm(s.width), Query: qkv[0], Key: qkv[1], Value: qkv[2], Output: t.matrices(s.width, "output", s.width)[0],
			Heads: s.heads, KVHeads: s.kv, HeadDim: d, Eps: eps, RoPE: rope}
		f := &FeedForward{Norm: t.norm(s.width), Gate: gateUp[0], Up: gateUp[1], Down: t.matrices(s.ffn, "down", s.width)[0], Eps: eps}
		for _, apply := range []func(*Engine, Inputs, *G.Node) (*G.Node, error){a.Apply, f.Apply} {
			if err == nil {
				x, err = apply(e, in, x)
			}
		}
	}
	if err == nil {
		x, err = Norm(e, in, x, t.norm(s.width), eps)
	}
	if err == nil {
		x, err = (&Head{Output: table}).Apply(e, in, x, ids("targets", t.batch.Targets))
	}
	if err == nil {
		_, err = G.Grad(x, in.Learnt()...)
	}
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range g.AllNodes() {
		if op, ok := n.Op().(*fused); ok {
			op.function = &timedFunction{op.function, op.name, t.spent}
		}
	}
	t.machine = G.NewTapeMachine(g)
	for i := range t.moments {
		t.moments[i] = make([]float32, t.params.Count())
	}
	return t
}

// matrices returns a stack of small random matrices of that many columns.
func (t *timedStep) matrices(cols int, name string, rows ...int) Params {
	names := make([]string, len(rows))
	for i := range names {
		names[i] = fmt.Sprintf("%s.%d", name, len(t.params)+i)
	}
	stack := NewStack(false, cols, names, rows)
	for _, p := range stack {
		for i := range p.Data() {
			p.Data()[i] = float32(random.NormFloat64()) * 0.02
		}
	}
	t.params = append(t.params, stack...)
	return stack
}

func (t *timedStep) norm(cols int) *Param {
	p := param(fmt.Sprintf("norm.%d", len(t.params)), 1, cols)
	t.params = append(t.params, p)
	return p
}

// run is one step, update included.
func (t *timedStep) run(b *testing.B) {
	t.e.Feed(t.batch, plain{}, 1/float32(len(t.batch.Tokens)))
	if err := t.machine.RunAll(); err != nil {
		b.Fatal(err)
	}
	t.machine.Reset()
	began := time.Now()
	t.steps++
	at := 0
	for _, p := range t.params {
		kernel.SumSquares(t.e.Pool, p.GradData())
		end := at + p.Elements()
		kernel.AdamW{LR: 3e-4, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, GradScale: 1, Step: t.steps}.
			Apply(t.e.Pool, p.Data(), p.GradData(), t.moments[0][at:end], t.moments[1][at:end])
		p.Changed()
		at = end
	}
	t.spent["update"] += time.Since(began)
}

// BenchmarkStep times the operations of whole training steps.
func BenchmarkStep(b *testing.B) {
	for _, shape := range stepShapes {
		for _, prec := range []kernel.Precision{kernel.FP32, kernel.BF16} {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("%dx%d/%s/threads%d", shape.layers, shape.width, prec, threads), func(b *testing.B) {
					e := NewEngine(kernel.NewPool(threads), prec, Packs{}, shape.rows, shape.length)
					defer e.Pool.Close()
					t := newTimedStep(b, shape, e)
					defer t.machine.Close()
					t.run(b)
					clear(t.spent)
					for b.Loop() {
						t.run(b)
					}
					for part, d := range t.spent {
						b.ReportMetric(d.Seconds()*1e3/float64(b.N), part+"-ms")
					}
					b.ReportMetric(float64(shape.rows*shape.length*b.N)/b.Elapsed().Seconds(), "tokens/s")
				})
			}
		}
	}
}
