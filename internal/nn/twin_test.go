package nn

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// The twins: every operation of the package once more, composed of stock gorgonia operations, one head and one sequence
// at a time. They are slow and plain, and what the fused ones are held to.

// twin builds one graph of stock operations.
type twin struct {
	g      *G.ExprGraph
	leaves map[string]*G.Node
	names  []string
	fixed  int
}

func newTwin() *twin { return &twin{g: G.NewGraph(), leaves: map[string]*G.Node{}} }

// leaf returns the node of an input with a gradient; one that is used again is the same node.
func (w *twin) leaf(name string, data []float32, shape ...int) *G.Node {
	if n := w.leaves[name]; n != nil {
		return n
	}
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(append([]float32(nil), data...)))
	n := G.NodeFromAny(w.g, v, G.WithName(name))
	w.leaves[name] = n
	w.names = append(w.names, name)
	return n
}

func (w *twin) param(p *Param) *G.Node { return w.leaf(p.name, p.Data(), p.Shape()...) }

// constant returns the node of an input without gradient.
func (w *twin) constant(data []float32, shape ...int) *G.Node {
	w.fixed++
	v := tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	return G.NodeFromAny(w.g, v, G.WithName(fmt.Sprintf("constant %d", w.fixed)))
}

// embedding is one-hot rows times the table.
func (w *twin) embedding(tokens []int32, table *Param) *G.Node {
	vocab := table.Shape()[0]
	hot := make([]float32, len(tokens)*vocab)
	for i, id := range tokens {
		hot[i*vocab+int(id)] = 1
	}
	return G.Must(G.Mul(w.constant(hot, len(tokens), vocab), w.param(table)))
}

// norm is x / √(mean(x²) + eps) ∘ weight, row by row.
func (w *twin) norm(x, weight *G.Node, eps float32) *G.Node {
	cols := x.Shape()[1]
	squares := G.Must(G.Sum(G.Must(G.Square(x)), 1))
	mean := G.Must(G.HadamardProd(squares, G.NewConstant(1/float32(cols))))
	root := G.Must(G.Sqrt(G.Must(G.Add(mean, G.NewConstant(eps)))))
	y := G.Must(G.BroadcastHadamardDiv(x, w.column(root), nil, []byte{1}))
	return G.Must(G.BroadcastHadamardProd(y, G.Must(G.Reshape(weight, tensor.Shape{1, cols})), nil, []byte{0}))
}

func (w *twin) column(v *G.Node) *G.Node {
	return G.Must(G.Reshape(v, tensor.Shape{v.Shape()[0], 1}))
}

// linear is x·Wᵀ, plus bias and adapter where there are some.
func (w *twin) linear(x *G.Node, weight, bias *Param, a *Adapter) *G.Node {
	times := func(x *G.Node, p *Param) *G.Node { return G.Must(G.Mul(x, G.Must(G.Transpose(w.param(p), 1, 0)))) }
	y := times(x, weight)
	if a != nil {
		low := times(times(x, a.A), a.B)
		y = G.Must(G.Add(y, G.Must(G.HadamardProd(low, G.NewConstant(a.Scale)))))
	}
	if bias != nil {
		row := G.Must(G.Reshape(w.param(bias), tensor.Shape{1, weight.Shape()[0]}))
		y = G.Must(G.BroadcastAdd(y, row, nil, []byte{0}))
	}
	return y
}

// feedForward is FeedForward.
func (w *twin) feedForward(f *FeedForward, x *G.Node) *G.Node {
	h := w.norm(x, w.param(f.Norm), f.Eps)
	gate, up := w.linear(h, f.Gate, nil, f.GateAdapter), w.linear(h, f.Up, nil, f.UpAdapter)
	silu := G.Must(G.HadamardProd(gate, G.Must(G.Sigmoid(gate))))
	a := G.Must(G.HadamardProd(silu, up))
	return G.Must(G.Add(x, w.linear(a, f.Down, nil, f.DownAdapter)))
}

// attention is Attention for the layout of one batch.
func (w *twin) attention(a *Attention, l layout, x *G.Node) *G.Node {
	h := w.norm(x, w.param(a.Norm), a.Eps)
	q := w.linear(h, a.Query, a.QueryBias, a.QueryAdapter)
	k := w.linear(h, a.Key, a.KeyBias, a.KeyAdapter)
	v := w.linear(h, a.Value, a.ValueBias, a.ValueAdapter)
	mask := w.mask(l)
	var y *G.Node
	for head := range a.Heads {
		kv := head / (a.Heads / a.KVHeads)
		qh := w.rotate(w.head(q, head, a.HeadDim, a.QueryNorm, a.Eps), a.RoPE, l)
		kh := w.rotate(w.head(k, kv, a.HeadDim, a.KeyNorm, a.Eps), a.RoPE, l)
		vh := w.head(v, kv, a.HeadDim, nil, 0)
		scores := G.Must(G.Mul(qh, G.Must(G.Transpose(kh, 1, 0))))
		scores = G.Must(G.HadamardProd(scores, G.NewConstant(float32(1/math.Sqrt(float64(a.HeadDim))))))
		weights := G.Must(G.HadamardProd(G.Must(G.Exp(scores)), mask))
		weights = G.Must(G.BroadcastHadamardDiv(weights, w.column(G.Must(G.Sum(weights, 1))), nil, []byte{1}))
		out := G.Must(G.Mul(weights, vh))
		// Columns of the output projection that belong to this head, chosen by a product with rows of the identity.
		chosen := G.Must(G.Mul(out, w.selector(head*a.HeadDim, a.HeadDim, a.Heads*a.HeadDim)))
		if y == nil {
			y = chosen
		} else {
			y = G.Must(G.Add(y, chosen))
		}
	}
	return G.Must(G.Add(x, w.linear(y, a.Output, nil, a.OutputAdapter)))
}

// head returns the columns of one head, normed if there is a weight.
func (w *twin) head(x *G.Node, head, dim int, weight *Param, eps float32) *G.Node {
	cols := x.Shape()[1]
	h := G.Must(G.Mul(x, G.Must(G.Transpose(w.selector(head*dim, dim, cols), 1, 0))))
	if weight != nil {
		h = w.norm(h, w.param(weight), eps)
	}
	return h
}

// selector is rows lo … lo+n-1 of the identity of the given size.
func (w *twin) selector(lo, n, size int) *G.Node {
	rows := make([]float32, n*size)
	for i := range n {
		rows[i*size+lo+i] = 1
	}
	return w.constant(rows, n, size)
}

// mask is 1 where row i attends row j and 0 elsewhere.
func (w *twin) mask(l layout) *G.Node {
	n := len(l.start)
	m := make([]float32, n*n)
	for i := range n {
		for j := int(l.start[i]); j <= i; j++ {
			m[i*n+j] = 1
		}
	}
	return w.constant(m, n, n)
}

// rotate is x∘cos + (x·R)∘sin, where R turns (lo, hi) into (−hi, lo).
func (w *twin) rotate(x *G.Node, table *kernel.RoPE, l layout) *G.Node {
	n, dim := x.Shape()[0], x.Shape()[1]
	half := dim / 2
	cos, sin, turn := make([]float32, n*dim), make([]float32, n*dim), make([]float32, dim*dim)
	for i := range n {
		for j := range dim {
			at := int(l.position[i])*half + j%half
			cos[i*dim+j], sin[i*dim+j] = table.Cos[at], table.Sin[at]
		}
	}
	for j := range half {
		turn[(j+half)*dim+j] = -1
		turn[j*dim+j+half] = 1
	}
	straight := G.Must(G.HadamardProd(x, w.constant(cos, n, dim)))
	turned := G.Must(G.Mul(x, w.constant(turn, dim, dim)))
	return G.Must(G.Add(straight, G.Must(G.HadamardProd(turned, w.constant(sin, n, dim)))))
}

// crossEntropy is scale · Σ weight · (log Σ exp logits − logits[target]).
func (w *twin) crossEntropy(x *G.Node, output *Param, b *Batch, scale float32) *G.Node {
	n, vocab := x.Shape()[0], output.Shape()[0]
	logits := w.linear(x, output, nil, nil)
	hot, weights := make([]float32, n*vocab), make([]float32, n)
	for i, id := range b.Targets {
		weights[i] = scale * b.Weights[i]
		hot[i*vocab+int(id)] = weights[i]
	}
	lse := G.Must(G.Log(G.Must(G.Sum(G.Must(G.Exp(logits)), 1))))
	all := G.Must(G.Sum(G.Must(G.HadamardProd(lse, w.constant(weights, n)))))
	chosen := G.Must(G.Sum(G.Must(G.HadamardProd(logits, w.constant(hot, n, vocab)))))
	return G.Must(G.Sub(all, chosen))
}
