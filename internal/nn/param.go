package nn

import (
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Param is a parameter of the model: its elements, the accumulator of its gradient, and the version that tells those who
// keep a packed or rounded copy when to renew it. It is a gorgonia.ValueGrad, so a Solver can step it.
type Param struct {
	name    string
	value   *tensor.Dense
	grad    *tensor.Dense // nil while frozen
	version uint64
	stack   *stack // nil for one that lies alone
	source  Source // where the elements lie instead of in value, which then is nil

	// Round, where it is not nil, sets dst to what of src will be left after export: the forward pass then uses the
	// rounded weights while gradient and update act on the exact ones (straight-through, Bengio et al. 2013,
	// arXiv:1308.3432). cols is the length of a row.
	Round   func(dst, src []float32, cols int)
	rounded []float32
	made    uint64 // version of rounded
}

// NewParam returns a zeroed parameter. A frozen one has no gradient.
func NewParam(name string, frozen bool, shape ...int) *Param {
	p := &Param{name: name, value: newTensor(shape...), version: 1}
	if !frozen {
		p.grad = newTensor(shape...)
	}
	return p
}

// NewStack returns parameters of shape (·, cols) that lie one after another in memory, elements and gradients alike: a
// linear layer over all of them is then one matrix product forward and one for the gradient of the weights.
func NewStack(frozen bool, cols int, names []string, rows []int) Params {
	total := 0
	for _, r := range rows {
		total += r
	}
	s := &stack{rows: total, cols: cols, data: make([]float32, total*cols)}
	if !frozen {
		s.grad = make([]float32, total*cols)
	}
	var params Params
	lo := 0
	for i, name := range names {
		hi := lo + rows[i]*cols
		part := func(all []float32) *tensor.Dense {
			return tensor.New(tensor.WithShape(rows[i], cols), tensor.WithBacking(all[lo:hi:hi]))
		}
		p := &Param{name: name, version: 1, value: part(s.data), stack: s}
		if !frozen {
			p.grad = part(s.grad)
		}
		params = append(params, p)
		lo = hi
	}
	s.params = params
	return params
}

// stack is the memory that several parameters share.
type stack struct {
	params     Params
	rows, cols int
	data, grad []float32
}

// stackOf returns the memory of parameters that are all of a stack in its order, nil if they are not.
func stackOf(params Params) *stack {
	s := params[0].stack
	if s == nil || len(params) != len(s.params) {
		return nil
	}
	for i, p := range params {
		if p != s.params[i] || p.Round != nil || p.Frozen() != (s.grad == nil) {
			return nil
		}
	}
	return s
}

// Name returns the canonical name, as in GGUF.
func (p *Param) Name() string { return p.name }

// Shape returns (out, in) of a matrix, or the length of a vector.
func (p *Param) Shape() []int {
	if p.source != nil {
		rows, cols := p.source.Shape()
		return []int{rows, cols}
	}
	return p.value.Shape()
}

// Data returns the elements, row-major, nil for one of NewBase. Who writes to them calls Changed afterwards.
func (p *Param) Data() []float32 {
	if p.source != nil {
		return nil
	}
	return data(p.value)
}

// Rows sets dst to rows [lo, hi) of a matrix, wherever its elements lie; a vector has one row.
func (p *Param) Rows(dst []float32, lo, hi int) {
	if p.source != nil {
		p.source.Decode(dst, lo, hi)
		return
	}
	wide := len(p.Data())
	if s := p.Shape(); len(s) == 2 {
		wide = s[1]
	}
	copy(dst, p.Data()[lo*wide:hi*wide])
}

// Elements returns how many there are.
func (p *Param) Elements() int {
	n := 1
	for _, d := range p.Shape() {
		n *= d
	}
	return n
}

// GradData returns the accumulated gradient, nil for a frozen parameter.
func (p *Param) GradData() []float32 {
	if p.grad == nil {
		return nil
	}
	return data(p.grad)
}

// Frozen reports whether the parameter is not learnt.
func (p *Param) Frozen() bool { return p.grad == nil }

// Changed says that the elements have been written to.
func (p *Param) Changed() { p.version++ }

// Value returns the elements as a tensor; with Grad it makes a gorgonia.ValueGrad.
func (p *Param) Value() G.Value { return p.value }

// Grad returns the accumulator.
func (p *Param) Grad() (G.Value, error) {
	if p.grad == nil {
		return nil, errFrozen
	}
	return p.grad, nil
}

// gradValue returns the accumulator as a gradient to hand out, nil while frozen.
func (p *Param) gradValue() G.Value {
	if p.grad == nil {
		return nil
	}
	return p.grad
}

// forward returns the elements that the forward pass uses: rounded if Round is set.
func (p *Param) forward() []float32 {
	if p.Round == nil {
		return p.Data()
	}
	if p.made != p.version {
		if p.rounded == nil {
			p.rounded = make([]float32, len(p.Data()))
		}
		shape := p.Shape()
		p.Round(p.rounded, p.Data(), shape[len(shape)-1])
		p.made = p.version
	}
	return p.rounded
}

// matrix views elements of a matrix parameter as (out, in).
func (p *Param) matrix(elements []float32) kernel.Matrix {
	s := p.Shape()
	return kernel.NewMatrix(elements, s[0], s[1])
}

// Params are all parameters of a model, in a fixed order.
type Params []*Param

// Learnt returns those that are not frozen.
func (ps Params) Learnt() Params {
	var learnt Params
	for _, p := range ps {
		if !p.Frozen() {
			learnt = append(learnt, p)
		}
	}
	return learnt
}

// Count returns the number of elements.
func (ps Params) Count() int64 {
	var n int64
	for _, p := range ps {
		n += int64(p.Elements())
	}
	return n
}
