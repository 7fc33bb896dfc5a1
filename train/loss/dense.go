package loss

import (
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// dense judges a row against a teacher's logits over its whole vocabulary. Forward and reverse KL between vocabularies of
// one size are a few passes of the vector kernels; everything else goes the way of sparse signals, with all entries kept.
func (o *Objective) dense(logits []float32, t nn.Target, scale float32) nn.Value {
	direct := o.spec.Divergence == ForwardKL || o.spec.Divergence == ReverseKL
	state := o.scratch.Get().(*outcomes)
	defer o.scratch.Put(state)
	if !direct || len(t.Dense) != len(logits) || o.spec.LabelSmoothing > 0 {
		return o.Row(logits, state.entriesOf(t), scale)
	}
	d := denseRow{z: logits, t: t.Dense, tau: o.spec.Temperature, target: t.Token}
	d.scratch(state)
	v := nn.Value{Signals: 1}
	if logits[t.Token] >= kernel.Max(logits) {
		v.Correct = 1
	}
	target := float64(logits[t.Token])
	d.difference()
	shift := float64(kernel.Max(d.z))
	d.lseT = exponentials(d.p, d.t, d.tau, float64(kernel.Max(d.t)))
	d.lseQ = exponentials(d.q, d.z, d.tau, shift)
	if d.tau == 1 {
		copy(d.z, d.q)
		v.CrossEntropy = d.lseQ - target
	} else {
		v.CrossEntropy = exponentials(d.z, d.z, 1, shift) - target
	}
	kd := o.spec.Mix * float64(scale) * d.tau
	if o.spec.Divergence == ForwardKL {
		v.Divergence = d.forward(kd)
	} else {
		v.Divergence = d.reverse(kd)
	}
	v.Loss = (1-o.spec.Mix)*v.CrossEntropy + o.spec.Mix*v.Divergence
	if scale != 0 {
		d.gradient((1 - o.spec.Mix) * float64(scale))
	}
	return v
}

// entriesOf returns the target with the teacher's distribution as entries.
func (o *outcomes) entriesOf(t nn.Target) nn.Target {
	if len(o.all) < len(t.Dense) {
		o.all = make([]distill.Token, len(t.Dense))
		for i := range o.all {
			o.all[i] = distill.Token(i)
		}
	}
	shift := float64(kernel.Max(t.Dense))
	lse := exponentials(grow(&o.p, len(t.Dense)), t.Dense, 1, shift)
	for i := range t.Dense {
		t.Dense[i] -= float32(lse)
	}
	return nn.Target{Token: t.Token, Kind: distill.TopK, IDs: o.all[:len(t.Dense)], Logprobs: t.Dense}
}

// denseRow is one position on its way. z (V) holds the student's logits, then softmax(z).
type denseRow struct {
	z, t, p, q, diff []float32 // student, teacher, their distributions at tau, z − t
	tau              float64
	target           distill.Token
	lseT, lseQ       float64
}

func (d *denseRow) scratch(o *outcomes) {
	n := len(d.z)
	d.p, d.q, d.diff = grow(&o.p, n), grow(&o.q, n), grow(&o.diff, n)
}

func (d *denseRow) difference() {
	copy(d.diff, d.z)
	kernel.Axpy(d.diff, -1, d.t)
}

// exponentials sets dst to softmax(x/tau) and returns log Σ exp(x/tau); shift is the largest x.
func exponentials(dst, x []float32, tau, shift float64) float64 {
	sum := float64(kernel.ExpAffine(dst, x, float32(1/tau), float32(-shift/tau)))
	kernel.Scale(dst, float32(1/sum))
	return float64(float32(shift/tau)) + math.Log(sum)
}

// forward returns tau²·KL(p ‖ q) = tau²·(Σ p·(t − z)/tau − lseT + lseQ) and leaves its gradient, times kd, in q.
func (d *denseRow) forward(kd float64) float64 {
	value := -float64(kernel.Dot(d.p, d.diff))/d.tau - d.lseT + d.lseQ
	kernel.Axpy(d.q, -1, d.p)
	kernel.Scale(d.q, float32(kd))
	return d.tau * d.tau * value
}

// reverse returns tau²·KL(q ‖ p) = tau²·Σ q·r, r = (z − t)/tau + lseT − lseQ, and leaves its gradient, times kd, in q.
func (d *denseRow) reverse(kd float64) float64 {
	mean := float64(kernel.Dot(d.q, d.diff)) / d.tau
	for i, v := range d.diff {
		d.q[i] *= float32(kd * (float64(v)/d.tau - mean))
	}
	return d.tau * d.tau * (mean + d.lseT - d.lseQ)
}

// gradient adds up both parts in z, given softmax(z) in z and the divergence's part in q.
func (d *denseRow) gradient(ce float64) {
	kernel.Scale(d.z, float32(ce))
	kernel.Axpy(d.z, 1, d.q)
	d.z[d.target] -= float32(ce)
}

func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}
