package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Embed returns the rows of the table (V, C) that the tokens name, shape (N, C). tokens is an int32 vector (N), without
// gradient.
func Embed(e *Engine, in Inputs, tokens *G.Node, table *Param) (*G.Node, error) {
	f := &embedding{e: e, table: table}
	shape := tensor.Shape{e.rows, table.Shape()[1]}
	if table.source != nil {
		return Apply("embedding", f, shape, []bool{false}, tokens)
	}
	return Apply("embedding", f, shape, []bool{false, !table.Frozen()}, tokens, in.node(table))
}

type embedding struct {
	e     *Engine
	table *Param
	y     *tensor.Dense
	grads []G.Value
}

func (f *embedding) Forward(in []G.Value) (G.Value, error) {
	y := growTensor(&f.y, f.e.rows, f.table.Shape()[1])
	out, tokens := dense(data(y), f.e.rows), ids(in[0])
	if s := f.table.source; s != nil {
		f.e.gatherBase(s, out, tokens)
	} else {
		kernel.Gather(f.e.Pool, out, f.table.matrix(f.table.forward()), tokens)
	}
	return y, nil
}

func (f *embedding) Backward(in []G.Value, _, dy G.Value) ([]G.Value, error) {
	dtable := f.table.matrix(f.table.GradData())
	kernel.ScatterAdd(f.e.Pool, dtable, ids(in[0]), dense(data(dy), f.e.rows))
	f.grads = append(f.grads[:0], nil, f.table.grad)
	return f.grads, nil
}

// Inputs makes the nodes of parameters in one graph. A parameter that is used twice gets a node for each use: gorgonia
// would add the two gradients of one node, overwriting the accumulator.
type Inputs struct {
	graph *G.ExprGraph
	nodes map[string]int // uses of each name
	learn *G.Nodes
}

// NewInputs returns the inputs of a graph.
func NewInputs(g *G.ExprGraph) Inputs {
	return Inputs{graph: g, nodes: map[string]int{}, learn: &G.Nodes{}}
}

// Learnt returns the nodes that have a gradient, to be given to gorgonia.Grad.
func (in Inputs) Learnt() G.Nodes { return *in.learn }

// node returns a new node whose value is the parameter's tensor.
func (in Inputs) node(p *Param) *G.Node {
	name := p.name
	in.nodes[name]++
	for range in.nodes[name] - 1 {
		name += "'"
	}
	n := G.NodeFromAny(in.graph, p.value, G.WithName(name))
	if !p.Frozen() {
		*in.learn = append(*in.learn, n)
	}
	return n
}

// apply makes the node of a function of an activation and parameters.
func (in Inputs) apply(name string, f Function, shape tensor.Shape, x *G.Node, params Params) (*G.Node, error) {
	nodes, diff := []*G.Node{x}, []bool{true}
	for _, p := range params {
		nodes, diff = append(nodes, in.node(p)), append(diff, !p.Frozen())
	}
	return Apply(name, f, shape, diff, nodes...)
}

// grads returns the gradients of an activation and of parameters in the order of apply.
func grads(buf []G.Value, dx G.Value, params Params) []G.Value {
	buf = append(buf[:0], dx)
	for _, p := range params {
		buf = append(buf, p.gradValue())
	}
	return buf
}
