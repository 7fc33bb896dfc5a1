package nn

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"sync/atomic"

	"github.com/chewxy/hm"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Function is what a coarse operation computes. It owns the tensors it returns and reuses them in every run.
type Function interface {
	// Forward returns the value for the inputs.
	Forward(in []G.Value) (G.Value, error)
	// Backward returns one gradient per input, nil for an input that is not differentiated, given the inputs, the
	// value and its gradient dy. The gradient of a parameter is its accumulator, added to and returned. dy is read by
	// nobody else, so that of an input may take its place.
	Backward(in []G.Value, out, dy G.Value) ([]G.Value, error)
}

// Apply makes the node of a function with an output of the given shape. diff says which inputs have a gradient; at least
// one must, if the graph is to be differentiated.
func Apply(name string, f Function, shape tensor.Shape, diff []bool, in ...*G.Node) (*G.Node, error) {
	op := &fused{name: name, id: nextID.Add(1), function: f, shape: shape, diff: diff, out: valueType(shape)}
	for _, n := range in {
		op.in = append(op.in, n.Type())
	}
	return G.ApplyOp(op, in...)
}

// nextID keeps operations apart: gorgonia merges nodes whose operations hash alike, and ours have state.
var nextID atomic.Uint64

func valueType(shape tensor.Shape) hm.Type {
	if shape.IsScalar() {
		return tensor.Float32
	}
	return G.TensorType{Dims: shape.Dims(), Of: tensor.Float32}
}

// fused is a gorgonia operation of any number of inputs and one output that runs a Function.
type fused struct {
	name     string
	id       uint64
	function Function
	in       []hm.Type
	out      hm.Type
	shape    tensor.Shape
	diff     []bool
}

var (
	_ G.SDOp = (*fused)(nil)
	_ G.Op   = (*backward)(nil)
	_ G.Op   = (*pick)(nil)
)

func (o *fused) Arity() int                                     { return len(o.in) }
func (o *fused) Type() hm.Type                                  { return functionType(o.in, o.out) }
func (o *fused) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }
func (o *fused) Do(in ...G.Value) (G.Value, error)              { return o.function.Forward(in) }
func (o *fused) ReturnsPtr() bool                               { return true }
func (o *fused) CallsExtern() bool                              { return false }
func (o *fused) OverwritesInput() int                           { return -1 }
func (o *fused) WriteHash(h hash.Hash)                          { fmt.Fprint(h, o.String()) }
func (o *fused) Hashcode() uint32                               { return hashcode(o) }
func (o *fused) String() string                                 { return fmt.Sprintf("%s#%d", o.name, o.id) }
func (o *fused) DiffWRT(int) []bool                             { return o.diff }

// SymDiff makes one backward node, whose value is the first gradient, and a pick node for each further one.
func (o *fused) SymDiff(in G.Nodes, out, grad *G.Node) (G.Nodes, error) {
	first := -1
	for i, d := range o.diff {
		if d {
			first = i
			break
		}
	}
	if first < 0 {
		return nil, errors.New("nn: " + o.name + " has no differentiable input")
	}
	b := &backward{of: o, first: first, grads: make([]G.Value, len(in)), out: in[first].Type(), shape: in[first].Shape()}
	inputs := append(append(G.Nodes{}, in...), out, grad)
	for _, n := range inputs {
		b.in = append(b.in, n.Type())
	}
	node, err := G.ApplyOp(b, inputs...)
	if err != nil {
		return nil, err
	}
	grads := make(G.Nodes, len(in))
	for i := range in {
		switch {
		case !o.diff[i]:
		case i == first:
			grads[i] = node
		default:
			p := &pick{from: b, input: i, out: in[i].Type(), shape: in[i].Shape()}
			if grads[i], err = G.ApplyOp(p, node); err != nil {
				return nil, err
			}
		}
	}
	return grads, nil
}

// backward runs a Function's Backward once; its value is the gradient of the first differentiable input.
type backward struct {
	of    *fused
	first int
	in    []hm.Type
	out   hm.Type
	shape tensor.Shape
	grads []G.Value
}

func (o *backward) Arity() int                                     { return len(o.in) }
func (o *backward) Type() hm.Type                                  { return functionType(o.in, o.out) }
func (o *backward) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }
func (o *backward) ReturnsPtr() bool                               { return true }
func (o *backward) CallsExtern() bool                              { return false }
func (o *backward) OverwritesInput() int                           { return -1 }
func (o *backward) WriteHash(h hash.Hash)                          { fmt.Fprint(h, o.String()) }
func (o *backward) Hashcode() uint32                               { return hashcode(o) }
func (o *backward) String() string                                 { return "backward of " + o.of.String() }

func (o *backward) Do(v ...G.Value) (G.Value, error) {
	n := len(v)
	grads, err := o.of.function.Backward(v[:n-2], v[n-2], v[n-1])
	if err != nil {
		return nil, err
	}
	copy(o.grads, grads)
	return grads[o.first], nil
}

// pick hands out a further gradient that a backward node has made. That node is its only input, for the order.
type pick struct {
	from  *backward
	input int
	out   hm.Type
	shape tensor.Shape
}

func (o *pick) Arity() int                                     { return 1 }
func (o *pick) Type() hm.Type                                  { return hm.NewFnType(o.from.out, o.out) }
func (o *pick) InferShape(...G.DimSizer) (tensor.Shape, error) { return o.shape.Clone(), nil }
func (o *pick) Do(...G.Value) (G.Value, error)                 { return o.from.grads[o.input], nil }
func (o *pick) ReturnsPtr() bool                               { return true }
func (o *pick) CallsExtern() bool                              { return false }
func (o *pick) OverwritesInput() int                           { return -1 }
func (o *pick) WriteHash(h hash.Hash)                          { fmt.Fprint(h, o.String()) }
func (o *pick) Hashcode() uint32                               { return hashcode(o) }
func (o *pick) String() string                                 { return fmt.Sprintf("gradient %d of %v", o.input, o.from.of) }

func functionType(in []hm.Type, out hm.Type) hm.Type {
	return hm.NewFnType(append(append([]hm.Type{}, in...), out)...)
}

func hashcode(o G.Op) uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// data returns the elements of a float32 tensor. Value.Data would allocate an interface for the slice.
func data(v G.Value) []float32 {
	if d, ok := v.(*tensor.Dense); ok {
		return d.Float32s()
	}
	return v.Data().([]float32)
}

// ids returns the elements of an int32 tensor.
func ids(v G.Value) []int32 {
	if d, ok := v.(*tensor.Dense); ok {
		return d.Int32s()
	}
	return v.Data().([]int32)
}

// newTensor returns a zeroed float32 tensor.
func newTensor(shape ...int) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(make([]float32, tensor.Shape(shape).TotalSize())))
}
