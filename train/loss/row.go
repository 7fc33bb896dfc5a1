package loss

import (
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Row judges one position; it implements nn.RowLoss.
//
// The entries of the signal and the target are taken out of the row, so that one pass of the vector kernels sums the rest
// and what remains of the work is a handful of float64 operations an entry. Summing the rest by itself also avoids the
// cancellation of 1 − Σ q where the entries hold nearly all of the mass.
func (o *Objective) Row(logits []float32, t nn.Target, scale float32) nn.Value {
	if len(t.Dense) > 0 && o.spec.Mix > 0 {
		return o.dense(logits, t, scale)
	}
	r := row{logits: logits, target: t.Token, scale: float64(scale), spec: &o.spec}
	r.target0 = float64(logits[t.Token])
	state := o.scratch.Get().(*outcomes)
	defer o.scratch.Put(state)
	state.reset()
	r.entries(t, state)
	if r.spec.LabelSmoothing > 0 {
		for _, z := range logits {
			r.mean += float64(z) / float64(len(logits))
		}
	}
	r.takeOut(state)
	r.sumRest(state)
	v := nn.Value{CrossEntropy: r.all - r.target0}
	if r.largest <= r.target0 {
		v.Correct = 1
	}
	loss := v.CrossEntropy + r.spec.LabelSmoothing*(r.target0-r.mean)
	if mix := r.mix(); mix > 0 {
		if t.Kind == distill.Sampled {
			v.Divergence = r.sampled(state)
		} else {
			v.Divergence = r.reduced(state)
		}
		v.Signals = 1
		loss = (1-mix)*loss + mix*v.Divergence
	}
	v.Loss = loss
	if scale != 0 {
		r.gradient(state)
	}
	return v
}

// row is one position on its way.
type row struct {
	logits  []float32
	target  distill.Token
	target0 float64 // its logit
	scale   float64
	spec    *Spec

	ids      []distill.Token // entries of the signal; those outside the vocabulary are passed over
	logprobs []float32
	within   int  // entries inside the vocabulary
	inTail   bool // the target is no entry

	mean, largest  float64 // mean of all logits, for smoothing; largest of those that are not the target
	rest, all, sum float64 // log-sum-exp of the rest and of all; Σ exp(rest − its maximum)
	tail           float64 // log-sum-exp of the tail: the rest, and the target if it is no entry
	tailGrad       float64 // gradient of the divergence at the tail
}

// entries sets what of the signal lies in the vocabulary.
func (r *row) entries(t nn.Target, o *outcomes) {
	if r.spec.Mix == 0 {
		r.inTail = true
		return
	}
	r.ids, r.logprobs = t.IDs, t.Logprobs
	if r.spec.Divergence.ranked() {
		o.pair(t, r.logits, r.spec.Divergence)
		r.ids, r.logprobs = o.ids, o.logprobs
	}
	r.inTail = true
	for _, id := range r.ids {
		if int(id) < len(r.logits) {
			r.within++
		}
		if id == t.Token {
			r.inTail = false
		}
	}
}

// mix returns the share of the divergence at this position.
func (r *row) mix() float64 {
	if r.within == 0 {
		return 0
	}
	return r.spec.Mix
}

// takeOut moves the logits of entries to the outcomes and leaves −Inf in their place and the target's.
func (r *row) takeOut(o *outcomes) {
	r.largest = math.Inf(-1)
	gone := float32(math.Inf(-1))
	for i, id := range r.ids {
		if int(id) >= len(r.logits) {
			continue
		}
		z := float64(r.logits[id])
		if id != r.target {
			r.largest = max(r.largest, z)
		}
		o.raw = append(o.raw, z)
		lp := max(minLogprob, float64(r.logprobs[i]))
		o.teacher.add(lp, math.Exp(lp))
		r.logits[id] = gone
	}
	r.logits[r.target] = gone
}

// sumRest replaces what is left of the row by exp(z − max) and finds the log-sum-exps.
func (r *row) sumRest(o *outcomes) {
	top := float64(kernel.Max(r.logits))
	r.largest = max(r.largest, top)
	if math.IsInf(top, -1) { // nothing is left
		clear(r.logits)
		r.rest, r.sum = top, 1
	} else {
		r.sum = kernel.ExpShifted(r.logits, r.logits, 1, float32(top))
		r.rest = top + math.Log(r.sum)
	}
	r.tail = r.rest
	if r.inTail {
		r.tail = logAddExp(r.rest, r.target0)
	}
	highest := max(r.largest, r.target0)
	sum := math.Exp(r.tail - highest)
	for _, z := range o.raw {
		e := math.Exp(z - highest)
		o.softmax = append(o.softmax, e)
		sum += e
	}
	r.all = highest + math.Log(sum)
	for i := range o.softmax {
		o.softmax[i] /= sum
	}
}

// reduced returns the divergence over entries and tail.
func (r *row) reduced(o *outcomes) float64 {
	mass := 0.0
	for i, z := range o.raw {
		o.student.add(z-r.all, o.softmax[i])
		mass += o.teacher.probs[i]
	}
	tailed := !math.IsInf(r.tail, -1)
	if tailed {
		left := max(minTail, 1-mass)
		o.teacher.add(math.Log(left), left)
		o.student.add(r.tail-r.all, math.Exp(r.tail-r.all))
	}
	v := o.divergence(r.spec)
	if tailed {
		r.tailGrad = o.grad[len(o.grad)-1]
	}
	return v
}

// sampled returns −Σ counts/K · log softmax(student), the cross-entropy with the teacher, and its gradient at the entries
// less softmax(student): the same as forward KL up to the teacher's entropy, which draws do not tell.
func (r *row) sampled(o *outcomes) float64 {
	o.teacher.temper(1)
	o.grad = o.grad[:0]
	var v float64
	for i, p := range o.teacher.probs {
		v += p * (r.all - o.raw[i])
		o.grad = append(o.grad, o.softmax[i]-p)
	}
	r.tailGrad = math.Exp(r.tail - r.all)
	return v
}

// gradient overwrites the row with scale times the gradient of the loss.
func (r *row) gradient(o *outcomes) {
	mix := r.mix()
	ce := (1 - mix) * r.scale
	kd := mix * r.scale
	uniform := ce * r.spec.LabelSmoothing / float64(len(r.logits))
	tailShare := func(z float64) float64 { // gradient of the divergence at a member of the tail
		if mix == 0 || r.tailGrad == 0 {
			return 0
		}
		return r.tailGrad * math.Exp(z-r.tail)
	}
	factor := (ce*math.Exp(r.rest-r.all) + kd*tailShare(r.rest)) / r.sum
	kernel.Scale(r.logits, float32(factor))
	if uniform > 0 {
		for i := range r.logits {
			r.logits[i] -= float32(uniform)
		}
	}
	target := tailShare(r.target0)
	i := 0
	for _, id := range r.ids {
		if int(id) >= len(r.logits) {
			continue
		}
		if id == r.target {
			target = o.grad[i]
		} else {
			r.logits[id] = float32(ce*o.softmax[i] - uniform + kd*o.grad[i])
		}
		i++
	}
	q := math.Exp(r.target0 - r.all)
	r.logits[r.target] = float32(ce*(q-(1-r.spec.LabelSmoothing)) - uniform + kd*target)
}

func logAddExp(x, y float64) float64 {
	if x < y {
		x, y = y, x
	}
	if math.IsInf(y, -1) {
		return x
	}
	return x + math.Log1p(math.Exp(y-x))
}
