package nn

import (
	"errors"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Target is what one position is to learn.
type Target struct {
	Token    distill.Token
	Kind     distill.SignalKind // of the entries below
	IDs      []distill.Token    // empty where the position has no signal
	Logprobs []float32
	Dense    []float32 // a teacher's logits over its whole vocabulary, instead of entries; may be overwritten
}

// Value is the loss of one position, or a weighted sum of such, in nats.
type Value struct {
	Loss         float64 // what is minimised
	CrossEntropy float64 // against the target token
	Divergence   float64 // from the teacher
	Signals      float64 // what of the weight has a signal: the divisor of Divergence
	Correct      float64 // what of the weight has its largest logit at the target
}

// RowLoss judges the logits of one position. Row returns the loss and, if scale is not 0, overwrites logits (V) with the
// gradient of the loss times scale; otherwise logits are left undefined. It is called from several goroutines.
type RowLoss interface {
	Row(logits []float32, t Target, scale float32) Value
}

// Totals sums what the loss was over the learnt positions of a run.
type Totals struct {
	Value
	Weight float64 // sum of the positions' weights
	Hidden float64 // distance of matched hidden states; part of Loss
	Tokens int     // learnt positions
}

// Add adds the totals of another run.
func (t *Totals) Add(o Totals) {
	t.Loss += o.Loss
	t.CrossEntropy += o.CrossEntropy
	t.Divergence += o.Divergence
	t.Signals += o.Signals
	t.Correct += o.Correct
	t.Weight += o.Weight
	t.Hidden += o.Hidden
	t.Tokens += o.Tokens
}

// Head makes logits = h·Wᵀ, the loss and its gradient in chunks of rows: logits of all positions never exist at once, and
// positions of weight 0 have none at all. Its value is scale · Σ weight · loss, a scalar; the gradient is made in the
// forward pass, so the node must be what is differentiated.
type Head struct {
	Output *Param // (V, C)

	e       *Engine
	linear  *linear
	dh      *tensor.Dense
	loss    G.F32
	totals  Totals
	rows    []int32 // learnt positions
	values  []Value // one per row of a chunk
	logits  kernel.Matrix
	input   []float32 // learnt rows of h in this chunk
	dinput  []float32
	teacher []float32 // logits of a teacher in this process
	chunk   int
	first   int // first learnt row of this chunk
	targets []distill.Token
	grads   []G.Value
}

// chunkElements bounds the logits that exist at once: 4 Mi elements, 16 MiB. Of a large vocabulary there are 256 rows all
// the same, 156 MB at 151,936 tokens: the output matrix is read, or decoded, once a chunk.
const chunkElements = 4 << 20

// ChunkRows returns how many positions have logits at the same time.
func ChunkRows(vocab, rows int) int {
	return min(rows, max(256, min(512, chunkElements/vocab/16*16)))
}

// Apply adds the head to the graph. targets is an int32 vector (N).
func (h *Head) Apply(e *Engine, in Inputs, x, targets *G.Node) (*G.Node, error) {
	h.e = e
	h.linear = newLinear(e, Params{h.Output}, nil, nil)
	h.chunk = ChunkRows(h.Output.Shape()[0], e.rows)
	if h.Output.source != nil {
		return Apply("head", h, tensor.ScalarShape(), []bool{true, false}, x, targets)
	}
	return Apply("head", h, tensor.ScalarShape(), []bool{true, false, !h.Output.Frozen()}, x, targets, in.node(h.Output))
}

// Totals returns what the last run summed.
func (h *Head) Totals() Totals { return h.totals }

// Forward implements Function.
func (h *Head) Forward(in []G.Value) (G.Value, error) {
	e := h.e
	x := dense(data(in[0]), e.rows)
	h.targets = ids(in[1])
	h.rows = h.rows[:0]
	for i, w := range e.batch.Weights {
		if w > 0 {
			h.rows = append(h.rows, int32(i))
		}
	}
	h.totals = Totals{Tokens: len(h.rows)}
	h.linear.pack(e)
	if !e.Inference {
		dh := dense(data(growTensor(&h.dh, x.Rows, x.Cols)), x.Rows)
		if len(h.rows) < x.Rows {
			e.clearMatrix(dh)
		}
	}
	if cap(h.values) < h.chunk {
		h.values = make([]Value, h.chunk)
	}
	for h.first = 0; h.first < len(h.rows); h.first += h.chunk {
		h.forwardChunk(x)
	}
	h.loss = G.F32(float64(e.scale) * h.totals.Loss)
	return &h.loss, nil
}

// forwardChunk makes the loss and gradients of learnt rows first … first+chunk-1.
func (h *Head) forwardChunk(x kernel.Matrix) {
	e, n := h.e, min(h.chunk, len(h.rows)-h.first)
	rows := h.rows[h.first : h.first+n]
	lo := int(rows[0])
	together := int(rows[n-1]) == lo+n-1 // then they are used where they lie
	input := x.Slice(lo, lo+n)
	if !together {
		input = growMatrix(&h.input, n, x.Cols)
		h.input = input.Data
		kernel.Gather(e.Pool, input, x, rows)
	}
	growPadded(&h.logits, n, h.Output.Shape()[0])
	h.linear.multiply(e, h.logits, input, false)
	if t := e.batch.Teacher; t != nil {
		dense := growMatrix(&h.teacher, n, t.Vocab())
		h.teacher = dense.Data
		t.Logits(dense, rows)
	}
	e.Pool.Run(n, h)
	for i, v := range h.values[:n] {
		h.totals.add(v, float64(e.batch.Weights[rows[i]]))
	}
	if e.Inference {
		return
	}
	dlogits := e.gradientFactor(h.logits)
	dh := dense(data(h.dh), x.Rows)
	if together {
		h.linear.multiplyBack(e, dh.Slice(lo, lo+n), dlogits, false)
	} else {
		dinput := growMatrix(&h.dinput, n, x.Cols)
		h.dinput = dinput.Data
		h.linear.multiplyBack(e, dinput, dlogits, false)
		e.copyTo(dh, dinput, rows)
	}
	if !h.Output.Frozen() {
		kernel.GemmTN(e.Pool, e.Precision, h.Output.matrix(h.Output.GradData()), dlogits, input, true)
	}
}

// Do judges row i of the chunk; it implements kernel.Task.
func (h *Head) Do(i int) {
	e, row := h.e, h.rows[h.first+i]
	t := Target{Token: h.targets[row]}
	if s := e.batch.Signal; s != nil {
		t.Kind = s.Kind
		t.IDs, t.Logprobs = s.At(int(row))
	}
	if teacher := e.batch.Teacher; teacher != nil {
		t.Dense = h.teacher[i*teacher.Vocab() : (i+1)*teacher.Vocab()]
	}
	scale := float32(0)
	if !e.Inference {
		scale = e.scale * e.batch.Weights[row]
	}
	h.values[i] = e.loss.Row(h.logits.Row(i), t, scale)
	if !e.Inference && kernel.KeepsBF16(e.Precision) {
		h.logits.NarrowRow(i)
	}
}

// Backward implements Function; the gradients exist already.
func (h *Head) Backward(_ []G.Value, _, dy G.Value) ([]G.Value, error) {
	if d, ok := dy.(*G.F32); !ok || *d != 1 {
		return nil, errors.New("nn: the head's loss is scaled by Feed alone and must be what is differentiated")
	}
	h.grads = append(h.grads[:0], h.dh, nil, h.Output.gradValue())
	return h.grads, nil
}

// add adds the loss of one position.
func (t *Totals) add(v Value, weight float64) {
	t.Weight += weight
	t.Loss += weight * v.Loss
	t.CrossEntropy += weight * v.CrossEntropy
	t.Divergence += weight * v.Divergence
	t.Signals += weight * v.Signals
	t.Correct += weight * v.Correct
}
