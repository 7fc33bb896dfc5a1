package student

import (
	"errors"
	"fmt"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// graphKey tells graphs apart: a graph has one shape of batch, and gradients or none.
type graphKey struct {
	rows, length int
	gradient     bool
}

// graph is the gorgonia graph for one shape of batch, with the machine that runs it.
type graph struct {
	engine          *nn.Engine
	tokens, targets []distill.Token // what its inputs read
	head            *nn.Head
	machine         G.VM

	matches   []*nn.Match // of hidden states; their values are added to the head's
	distances G.Nodes
	layers    G.Nodes // what leaves each layer
}

// Accumulate adds the gradient of scale · Σ weight · loss over the batch to the parameters' gradients, and returns the
// losses. It returns an error if the batch does not fit the vocabulary or learns nothing.
func (s *Student) Accumulate(b *nn.Batch, l nn.RowLoss, scale float32) (nn.Totals, error) {
	return s.run(b, l, scale, true)
}

// Evaluate returns the losses of a batch; gradients stay as they are, and nothing is kept for them.
func (s *Student) Evaluate(b *nn.Batch, l nn.RowLoss) (nn.Totals, error) {
	return s.run(b, l, 1, false)
}

func (s *Student) run(b *nn.Batch, l nn.RowLoss, scale float32, gradient bool) (nn.Totals, error) {
	if err := b.Check(s.cfg.Vocab); err != nil {
		return nn.Totals{}, fmt.Errorf("student: %w", err)
	}
	g, err := s.graph(graphKey{b.Rows, b.Length, gradient})
	if err != nil {
		return nn.Totals{}, fmt.Errorf("student: graph for batches of %d×%d: %w", b.Rows, b.Length, err)
	}
	if m := s.settings.matching; m != nil && gradient && b.Teacher != nn.Teacher(m.Teacher) {
		return nn.Totals{}, errors.New("student: the batch does not name the teacher whose hidden states are matched")
	}
	if b.Teacher != nil {
		if err := b.Teacher.Begin(b); err != nil {
			return nn.Totals{}, err
		}
	}
	copy(g.tokens, b.Tokens)
	copy(g.targets, b.Targets)
	g.engine.Feed(b, l, scale)
	if err := g.machine.RunAll(); err != nil {
		return nn.Totals{}, fmt.Errorf("student: %w", err)
	}
	g.machine.Reset()
	totals := g.head.Totals()
	for _, m := range g.matches {
		totals.Hidden += m.Sum()
		totals.Loss += m.Factor * m.Sum()
	}
	return totals, nil
}

// graph returns the graph of a key, built at first use.
func (s *Student) graph(key graphKey) (*graph, error) {
	if g := s.graphs[key]; g != nil {
		return g, nil
	}
	g := &graph{engine: nn.NewEngine(s.pool, s.settings.precision, s.packs, key.rows, key.length)}
	g.engine.Recompute = s.settings.checkpoint
	g.engine.Inference = !key.gradient
	expr := G.NewGraph()
	in := nn.NewInputs(expr)
	var tokens, targets *G.Node
	tokens, g.tokens = tokenInput(expr, "tokens", key.rows*key.length)
	targets, g.targets = tokenInput(expr, "targets", key.rows*key.length)
	loss, err := s.forward(g, in, tokens, targets, key.length)
	if err != nil {
		return nil, err
	}
	if key.gradient {
		if _, err := G.Grad(loss, in.Learnt()...); err != nil {
			return nil, err
		}
	}
	g.machine = G.NewTapeMachine(expr)
	s.graphs[key] = g
	return g, nil
}

// watcher sees the activations of a layer's half; attention says which half it is.
type watcher func(layer int, attention bool, in, out, normed, inner kernel.Matrix)

// forward adds the whole model to the graph and returns the loss.
func (s *Student) forward(g *graph, in nn.Inputs, tokens, targets *G.Node, length int) (*G.Node, error) {
	x, err := s.hidden(g, in, tokens, length)
	if err != nil {
		return nil, err
	}
	g.head = &nn.Head{Output: s.output()}
	loss, err := g.head.Apply(g.engine, in, x, targets)
	for _, d := range g.distances {
		if err != nil {
			return nil, err
		}
		loss, err = G.Add(loss, d)
	}
	return loss, err
}

// hidden adds everything up to the input of the head.
func (s *Student) hidden(g *graph, in nn.Inputs, tokens *G.Node, length int) (*G.Node, error) {
	eps := float32(s.cfg.NormEps)
	x, err := nn.Embed(g.engine, in, tokens, s.byName["token_embd.weight"])
	if err != nil {
		return nil, err
	}
	rope := s.table(max(length, 1))
	for layer := range s.cfg.Layers {
		a, f := s.attention(layer), s.feedForward(layer)
		a.RoPE = rope
		if watch := s.watch; watch != nil {
			a.Watch = func(in, out, normed, inner kernel.Matrix) { watch(layer, true, in, out, normed, inner) }
			f.Watch = func(in, out, normed, inner kernel.Matrix) { watch(layer, false, in, out, normed, inner) }
		}
		if x, err = a.Apply(g.engine, in, x); err != nil {
			return nil, err
		}
		if x, err = f.Apply(g.engine, in, x); err != nil {
			return nil, err
		}
		g.layers = append(g.layers, x)
		if err := s.match(g, in, layer, x); err != nil {
			return nil, err
		}
	}
	return nn.Norm(g.engine, in, x, s.byName["output_norm.weight"], eps)
}

// output returns the output matrix, which may be the embedding.
func (s *Student) output() *nn.Param {
	if p := s.byName["output.weight"]; p != nil {
		return p
	}
	return s.byName["token_embd.weight"]
}

func (s *Student) attention(layer int) *nn.Attention {
	w := func(name string) *nn.Param { return s.byName[fmt.Sprintf("blk.%d.attn_%s", layer, name)] }
	lora := func(name string) *nn.Adapter { return s.adapters[fmt.Sprintf("blk.%d.attn_%s.weight", layer, name)] }
	return &nn.Attention{
		Norm: w("norm.weight"), Query: w("q.weight"), Key: w("k.weight"), Value: w("v.weight"), Output: w("output.weight"),
		QueryBias: w("q.bias"), KeyBias: w("k.bias"), ValueBias: w("v.bias"),
		QueryNorm: w("q_norm.weight"), KeyNorm: w("k_norm.weight"),
		QueryAdapter: lora("q"), KeyAdapter: lora("k"), ValueAdapter: lora("v"), OutputAdapter: lora("output"),
		Heads: s.cfg.Heads, KVHeads: s.cfg.KVHeads, HeadDim: s.cfg.HeadDim, Eps: float32(s.cfg.NormEps),
	}
}

func (s *Student) feedForward(layer int) *nn.FeedForward {
	w := func(name string) *nn.Param { return s.byName[fmt.Sprintf("blk.%d.ffn_%s.weight", layer, name)] }
	lora := func(name string) *nn.Adapter { return s.adapters[fmt.Sprintf("blk.%d.ffn_%s.weight", layer, name)] }
	return &nn.FeedForward{
		Norm: w("norm"), Gate: w("gate"), Up: w("up"), Down: w("down"),
		GateAdapter: lora("gate"), UpAdapter: lora("up"), DownAdapter: lora("down"), Eps: float32(s.cfg.NormEps),
	}
}

// tokenInput returns an int32 input of n elements and the memory it reads.
func tokenInput(expr *G.ExprGraph, name string, n int) (*G.Node, []distill.Token) {
	ids := make([]distill.Token, n)
	node := G.NewVector(expr, tensor.Int32, G.WithShape(n), G.WithName(name))
	if err := G.Let(node, tensor.New(tensor.WithShape(n), tensor.WithBacking(ids))); err != nil {
		panic(err) // the tensor is made for the node
	}
	return node, ids
}

func (g *graph) close() { g.machine.Close() }
