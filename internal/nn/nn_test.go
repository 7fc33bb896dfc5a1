package nn

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

const (
	testRows, testLength, testWidth, testVocab = 2, 9, 12, 21
	testN                                      = testRows * testLength
	eps                                        = 1e-5
)

var random = rand.New(rand.NewPCG(1, 2))

// param returns a parameter of random elements around a mean.
func param(name string, mean float32, shape ...int) *Param {
	p := NewParam(name, false, shape...)
	for i := range p.Data() {
		p.Data()[i] = mean + float32(random.NormFloat64())*0.3
	}
	return p
}

func adapter(name string, out, in int) *Adapter {
	return &Adapter{A: param(name+".a", 0, 3, in), B: param(name+".b", 0, out, 3), Scale: 0.7}
}

// testBatch packs two sequences into each row; its weights include 0.
func testBatch() *Batch {
	b := &Batch{Rows: testRows, Length: testLength}
	for r := range testRows {
		for t := range testLength {
			b.Tokens = append(b.Tokens, distill.Token(random.IntN(testVocab)))
			b.Targets = append(b.Targets, distill.Token(random.IntN(testVocab)))
			b.Weights = append(b.Weights, float32(random.IntN(3)))
			start := int32(0)
			if t >= 3+r {
				start = int32(3 + r)
			}
			b.Starts = append(b.Starts, start)
		}
	}
	return b
}

// plain is cross-entropy, by its definition.
type plain struct{}

func (plain) Row(logits []float32, t Target, scale float32) Value {
	v := float64(kernel.CrossEntropy(logits, int(t.Token), scale))
	return Value{Loss: v, CrossEntropy: v}
}

func testEngine(b *Batch, recompute bool) *Engine {
	e := NewEngine(kernel.NewPool(2), kernel.FP32, Packs{}, testRows, testLength)
	e.Recompute = recompute
	e.Feed(b, plain{}, 0.25)
	return e
}

// outcome is the value of a graph and the gradients of its leaves.
type outcome struct {
	value []float32
	grads map[string][]float32
}

// differentiate runs a graph that ends in y: as it is if it is a scalar, else through Σ y∘direction.
func differentiate(t *testing.T, g *G.ExprGraph, y *G.Node, direction []float32, leaves map[string]*G.Node) outcome {
	t.Helper()
	loss := y
	if !y.IsScalar() {
		d := G.NodeFromAny(g, tensor.New(tensor.WithShape(y.Shape()...), tensor.WithBacking(direction)), G.WithName("direction"))
		loss = G.Must(G.Sum(G.Must(G.HadamardProd(y, d))))
	}
	var wrt G.Nodes
	for _, n := range leaves {
		wrt = append(wrt, n)
	}
	if _, err := G.Grad(loss, wrt...); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	o := outcome{grads: map[string][]float32{}}
	if y.IsScalar() {
		o.value = []float32{y.Value().Data().(float32)}
	} else {
		o.value = append(o.value, data(y.Value())...)
	}
	for name, n := range leaves {
		grad, err := n.Grad()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		o.grads[name] = append([]float32(nil), data(grad)...)
	}
	return o
}

// operation is one fused operation and its twin.
type operation struct {
	name  string
	fused func(e *Engine, in Inputs, x *G.Node) (*G.Node, error)
	twin  func(w *twin, x *G.Node) *G.Node
}

func operations(b *Batch, l layout) []operation {
	var ops []operation
	for _, lora := range []bool{false, true} {
		f := testFeedForward(lora)
		ops = append(ops, operation{fmt.Sprintf("feed-forward, adapters %v", lora), f.Apply,
			func(w *twin, x *G.Node) *G.Node { return w.feedForward(f, x) }})
		for _, c := range [][2]int{{2, 1}, {3, 3}} {
			a := testAttention(c[0], c[1], lora)
			ops = append(ops, operation{fmt.Sprintf("attention %v, bias, norms and adapters %v", c, lora), a.Apply,
				func(w *twin, x *G.Node) *G.Node { return w.attention(a, l, x) }})
		}
	}
	weight, output := param("norm", 1, testWidth), param("output", 0, testVocab, testWidth)
	ops = append(ops, operation{"norm",
		func(e *Engine, in Inputs, x *G.Node) (*G.Node, error) { return Norm(e, in, x, weight, eps) },
		func(w *twin, x *G.Node) *G.Node { return w.norm(x, w.param(weight), eps) }})
	ops = append(ops, operation{"head",
		func(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
			targets := tensor.New(tensor.WithShape(testN), tensor.WithBacking(b.Targets))
			return (&Head{Output: output}).Apply(e, in, x, G.NodeFromAny(in.graph, targets, G.WithName("targets")))
		},
		func(w *twin, x *G.Node) *G.Node { return w.crossEntropy(x, output, b, 0.25) }})
	return ops
}

func testFeedForward(lora bool) *FeedForward {
	const width = 20
	f := &FeedForward{Norm: param("norm", 1, testWidth), Gate: param("gate", 0, width, testWidth), Up: param("up", 0, width, testWidth),
		Down: param("down", 0, testWidth, width), Eps: eps}
	if lora {
		f.GateAdapter, f.UpAdapter, f.DownAdapter = adapter("gate", width, testWidth), adapter("up", width, testWidth), adapter("down", testWidth, width)
	}
	return f
}

func testAttention(heads, kv int, all bool) *Attention {
	const dim = 6
	a := &Attention{Norm: param("norm", 1, testWidth), Query: param("q", 0, heads*dim, testWidth), Key: param("k", 0, kv*dim, testWidth),
		Value: param("v", 0, kv*dim, testWidth), Output: param("o", 0, testWidth, heads*dim), Heads: heads, KVHeads: kv, HeadDim: dim,
		Eps: eps, RoPE: kernel.NewRoPE(testLength, kernel.RoPEFrequencies(dim, 100))}
	if all {
		a.QueryBias, a.KeyBias, a.ValueBias = param("q.bias", 0, heads*dim), param("k.bias", 0, kv*dim), param("v.bias", 0, kv*dim)
		a.QueryNorm, a.KeyNorm = param("q.norm", 1, dim), param("k.norm", 1, dim)
		a.QueryAdapter, a.KeyAdapter = adapter("q", heads*dim, testWidth), adapter("k", kv*dim, testWidth)
		a.ValueAdapter, a.OutputAdapter = adapter("v", kv*dim, testWidth), adapter("o", testWidth, heads*dim)
	}
	return a
}

// TestTwins holds value and all gradients of every operation to its twin of stock operations, with and without
// recomputation.
func TestTwins(t *testing.T) {
	b := testBatch()
	var l layout
	l.set(b)
	for _, op := range operations(b, l) {
		x := param("x", 0, testN, testWidth)
		direction := param("direction", 0, testN, testWidth).Data()
		w := newTwin()
		y := op.twin(w, w.param(x))
		want := differentiate(t, w.g, y, direction, w.leaves)
		for _, recompute := range []bool{false, true} {
			got := runFused(t, op, testEngine(b, recompute), x, direction)
			compare(t, fmt.Sprintf("%s, recompute %v", op.name, recompute), got, want)
		}
	}
}

// runFused returns the outcome of the fused operation, gradients of parameters from their accumulators.
func runFused(t *testing.T, op operation, e *Engine, x *Param, direction []float32) outcome {
	t.Helper()
	defer e.Pool.Close()
	g := G.NewGraph()
	in := NewInputs(g)
	xn := G.NodeFromAny(g, x.value, G.WithName("x"))
	y, err := op.fused(e, in, xn)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*G.Node{"x": xn}
	for _, n := range in.Learnt() {
		byName[n.Name()] = n
	}
	o := differentiate(t, g, y, direction, byName)
	for _, n := range in.Learnt() { // accumulators outlive the graph
		grad, err := n.Grad()
		if err != nil {
			t.Fatal(err)
		}
		clear(data(grad))
	}
	return o
}

func compare(t *testing.T, name string, got, want outcome) {
	t.Helper()
	// Two float32 computations of a few hundred terms in different orders.
	const tolerance = 2e-5
	if d := distance(got.value, want.value); d > tolerance {
		t.Errorf("%s: values differ by %v", name, d)
	}
	if len(got.grads) != len(want.grads) {
		t.Errorf("%s: %d gradients, want %d", name, len(got.grads), len(want.grads))
	}
	for leaf, grad := range want.grads {
		if d := distance(got.grads[leaf], grad); d > tolerance {
			t.Errorf("%s: gradients of %s differ by %v", name, leaf, d)
		}
	}
}

// distance is the largest difference relative to the largest element.
func distance(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	var d, size float64
	for i := range a {
		d = math.Max(d, math.Abs(float64(a[i])-float64(b[i])))
		size = math.Max(size, math.Abs(float64(b[i])))
	}
	return d / math.Max(size, 1e-3)
}

// TestEmbeddingTied checks a table that is both embedding and output: one tensor, two nodes, one accumulator, which after
// two runs holds twice the gradient. Stock gorgonia adds the two uses of one node.
func TestEmbeddingTied(t *testing.T) {
	b := testBatch()
	table := param("table", 0, testVocab, testWidth)
	w := newTwin()
	loss := w.crossEntropy(w.embedding(b.Tokens, table), table, b, 0.25)
	want := differentiate(t, w.g, loss, nil, w.leaves)

	e := testEngine(b, false)
	defer e.Pool.Close()
	g := G.NewGraph()
	in := NewInputs(g)
	ids := func(name string, ids []distill.Token) *G.Node {
		return G.NodeFromAny(g, tensor.New(tensor.WithShape(testN), tensor.WithBacking(ids)), G.WithName(name))
	}
	x, err := Embed(e, in, ids("tokens", b.Tokens), table)
	if err != nil {
		t.Fatal(err)
	}
	head := &Head{Output: table}
	if loss, err = head.Apply(e, in, x, ids("targets", b.Targets)); err != nil {
		t.Fatal(err)
	}
	if _, err := G.Grad(loss, in.Learnt()...); err != nil {
		t.Fatal(err)
	}
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	for run := 1; run <= 2; run++ {
		if err := vm.RunAll(); err != nil {
			t.Fatal(err)
		}
		vm.Reset()
		grad := append([]float32(nil), table.GradData()...)
		kernel.Scale(grad, 1/float32(run))
		compare(t, fmt.Sprintf("run %d", run), outcome{[]float32{loss.Value().Data().(float32)}, map[string][]float32{"table": grad}}, want)
	}
	if totals := head.Totals(); math.Abs(totals.Loss*0.25-float64(want.value[0])) > 1e-5 || totals.Weight != b.Weight() {
		t.Errorf("totals %+v, loss %v, weight %v", totals, want.value[0], b.Weight())
	}
}

// TestHeadChunks checks that the loss and its gradient do not depend on how many rows have logits at once.
func TestHeadChunks(t *testing.T) {
	b := testBatch()
	output, x := param("output", 0, testVocab, testWidth), param("x", 0, testN, testWidth)
	var first outcome
	for _, chunk := range []int{testN, 1, 5} {
		op := operation{fused: func(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
			h := &Head{Output: output}
			n, err := h.Apply(e, in, x, G.NodeFromAny(in.graph, tensor.New(tensor.WithShape(testN), tensor.WithBacking(b.Targets)), G.WithName("targets")))
			h.chunk = chunk
			return n, err
		}}
		got := runFused(t, op, testEngine(b, false), x, nil)
		if first.value == nil {
			first = got
		}
		compare(t, fmt.Sprintf("chunks of %d", chunk), got, first)
	}
}

// TestHalfChunks checks that halves of a block do not depend on how many rows go through them at once.
func TestHalfChunks(t *testing.T) {
	b := testBatch()
	x, direction := param("x", 0, testN, testWidth), param("direction", 0, testN, testWidth).Data()
	f, a := testFeedForward(false), testAttention(2, 1, false)
	for name, op := range map[string]struct {
		apply func(e *Engine, in Inputs, x *G.Node) (*G.Node, error)
		sizes []*int
	}{
		"feed-forward": {f.Apply, []*int{&f.size}},
		"attention":    {a.Apply, []*int{&a.inward, &a.outward}},
	} {
		var first outcome
		for _, chunk := range []int{testN, 1, 5} {
			for _, recompute := range []bool{false, true} {
				got := runFused(t, operation{fused: func(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
					n, err := op.apply(e, in, x)
					for _, size := range op.sizes {
						*size = chunk
					}
					f.keep = chunk == testN || recompute
					return n, err
				}}, testEngine(b, recompute), x, direction)
				if first.value == nil {
					first = got
				}
				compare(t, fmt.Sprintf("%s in chunks of %d, recompute %v", name, chunk, recompute), got, first)
			}
		}
	}
}

// TestRounded checks straight-through rounding: the value is that of the rounded weights, the gradient that at them.
func TestRounded(t *testing.T) {
	b := testBatch()
	x, direction := param("x", 0, testN, testWidth), param("direction", 0, testN, testWidth).Data()
	coarse := func(dst, src []float32, _ int) {
		for i, v := range src {
			dst[i] = float32(math.Round(float64(v)*4) / 4)
		}
	}
	f := testFeedForward(false)
	rounded := *f
	for _, p := range []**Param{&rounded.Gate, &rounded.Up, &rounded.Down} {
		q := NewParam((*p).name, false, (*p).Shape()...)
		coarse(q.Data(), (*p).Data(), 0)
		(*p).Round = coarse
		*p = q
	}
	want := runFused(t, operation{fused: rounded.Apply}, testEngine(b, false), x, direction)
	compare(t, "rounded", runFused(t, operation{fused: f.Apply}, testEngine(b, false), x, direction), want)
}

func TestBatchCheck(t *testing.T) {
	for name, spoil := range map[string]func(*Batch){
		"short targets":          func(b *Batch) { b.Targets = b.Targets[1:] },
		"token too large":        func(b *Batch) { b.Tokens[3] = testVocab },
		"negative token":         func(b *Batch) { b.Tokens[3] = -1 },
		"target too large":       func(b *Batch) { b.Targets[0], b.Weights[0] = testVocab, 1 },
		"NaN weight":             func(b *Batch) { b.Weights[1] = float32(math.NaN()) },
		"all masked":             func(b *Batch) { clear(b.Weights) },
		"start after position":   func(b *Batch) { b.Starts[2] = 3 },
		"start back":             func(b *Batch) { b.Starts[testLength-1] = 1 },
		"signal of other length": func(b *Batch) { b.Signal = &distill.Signal{Ends: []int32{0}} },
	} {
		b := testBatch()
		if err := b.Check(testVocab); err != nil {
			t.Fatal(err)
		}
		spoil(b)
		if b.Check(testVocab) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	b := testBatch()
	for i := range b.Weights {
		if b.Weights[i] == 0 {
			b.Targets[i] = -100 // never read
		}
	}
	if err := b.Check(testVocab); err != nil {
		t.Error(err)
	}
}

// TestSameHash records why operations have a number: gorgonia merges nodes whose operations hash alike.
func TestSameHash(t *testing.T) {
	b := testBatch()
	e := testEngine(b, false)
	defer e.Pool.Close()
	in := NewInputs(G.NewGraph())
	x := G.NodeFromAny(in.graph, param("x", 0, testN, testWidth).value, G.WithName("x"))
	weight := param("w", 1, testWidth)
	one, err1 := Norm(e, in, x, weight, eps)
	two, err2 := Norm(e, in, x, weight, eps)
	if err1 != nil || err2 != nil || one == two {
		t.Fatalf("two operations became one node (%v, %v)", err1, err2)
	}
}
