package loss

import (
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// dense judges a row against a teacher's logits over its whole vocabulary, by a few passes of the vector kernels and one
// over the divergence's terms. What a teacher's longer vocabulary has beyond the student's is left out, as entries of a
// sparse signal are; a shorter one goes the way of sparse signals, with all entries kept, as does what is paired by rank.
func (o *Objective) dense(logits []float32, t nn.Target, scale float32) nn.Value {
	state := o.scratch.Get().(*outcomes)
	defer o.scratch.Put(state)
	if len(t.Dense) < len(logits) || o.spec.Divergence.ranked() {
		return o.Row(logits, state.entriesOf(t), scale)
	}
	d := denseRow{z: logits, t: t.Dense[:len(logits)], tau: o.spec.Temperature, target: t.Token}
	d.scratch(state)
	v := nn.Value{Signals: 1}
	shift := float64(kernel.Max(d.z))
	if float64(logits[t.Token]) >= shift {
		v.Correct = 1
	}
	target, smoothing := float64(logits[t.Token]), 0.0
	if o.spec.Mix < 1 {
		smoothing = o.spec.LabelSmoothing
	}
	mean := 0.0 // logit, for smoothing
	if smoothing > 0 {
		for _, z := range logits {
			mean += float64(z) / float64(len(logits))
		}
	}
	d.difference()
	d.lseT = exponentials(d.p, d.t, d.tau, float64(kernel.Max(d.t)))
	v.CrossEntropy = d.student(shift, o.spec.Mix == 1) - target
	v.Divergence = d.divergence(&o.spec, o.spec.Mix*float64(scale)*d.tau)
	v.Loss = (1-o.spec.Mix)*(v.CrossEntropy+smoothing*(target-mean)) + o.spec.Mix*v.Divergence
	if scale != 0 {
		d.gradient((1-o.spec.Mix)*float64(scale), smoothing)
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
	mixture          []float32 // scratch: logarithm of the mixture of both
	tau              float64
	target           distill.Token
	lseT, lseQ       float64
}

func (d *denseRow) scratch(o *outcomes) {
	n := len(d.z)
	d.p, d.q, d.diff = grow(&o.p, n), grow(&o.q, n), grow(&o.diff, n)
	d.mixture = grow(&o.mixture, n)
}

func (d *denseRow) difference() {
	copy(d.diff, d.z)
	kernel.Axpy(d.diff, -1, d.t)
}

// student sets q and lseQ, and z to softmax(z), and returns log Σ exp z. With alone set cross-entropy has no gradient, so
// that softmax(z) is not needed and q takes the place of z.
func (d *denseRow) student(shift float64, alone bool) float64 {
	if alone {
		lse := 0.0
		if d.tau != 1 {
			lse = exponentials(d.q, d.z, 1, shift)
		}
		d.q = d.z
		d.lseQ = exponentials(d.q, d.z, d.tau, shift)
		if d.tau == 1 {
			lse = d.lseQ
		}
		return lse
	}
	d.lseQ = exponentials(d.q, d.z, d.tau, shift)
	if d.tau == 1 {
		copy(d.z, d.q)
		return d.lseQ
	}
	return exponentials(d.z, d.z, 1, shift)
}

// exponentials sets dst to softmax(x/tau) and returns log Σ exp(x/tau); shift is the largest x.
func exponentials(dst, x []float32, tau, shift float64) float64 {
	sum := float64(kernel.ExpAffine(dst, x, float32(1/tau), float32(-shift/tau)))
	kernel.Scale(dst, float32(1/sum))
	return float64(float32(shift/tau)) + math.Log(sum)
}

// divergence returns tau² times the divergence and leaves its gradient, times kd, in q.
func (d *denseRow) divergence(s *Spec, kd float64) float64 {
	switch s.Divergence {
	case ForwardKL:
		return d.forward(kd)
	case ReverseKL:
		return d.reverse(kd)
	}
	var value float64
	switch s.Divergence {
	case JSD:
		value = d.jsd(s.Beta)
	case SkewForwardKL:
		value = d.skewForward(s.Alpha)
	case SkewReverseKL:
		value = d.skewReverse(s.Alpha)
	case TotalVariation:
		value = d.totalVariation()
	}
	d.centre(kd)
	return d.tau * d.tau * value
}

// centre sets q to kd times the gradient of the divergence with respect to z/tau, given its derivative with respect to q,
// up to a constant, in diff: q·(diff − Σ q·diff).
func (d *denseRow) centre(kd float64) {
	a, b := float32(kd), float32(-kd*float64(kernel.Dot(d.q, d.diff)))
	for i, v := range d.diff {
		d.q[i] *= a*v + b
	}
}

// forward returns tau²·KL(p ‖ q) = tau²·(Σ p·(t − z)/tau − lseT + lseQ) and leaves its gradient, times kd, in q.
func (d *denseRow) forward(kd float64) float64 {
	value := -float64(kernel.Dot(d.p, d.diff))/d.tau - d.lseT + d.lseQ
	kernel.Scale(d.q, float32(kd))
	kernel.Axpy(d.q, float32(-kd), d.p)
	return d.tau * d.tau * value
}

// reverse returns tau²·KL(q ‖ p) = tau²·Σ q·r, r = (z − t)/tau + lseT − lseQ, and leaves its gradient, times kd, in q.
func (d *denseRow) reverse(kd float64) float64 {
	kernel.Scale(d.diff, float32(1/d.tau))
	mean := float64(kernel.Dot(d.q, d.diff))
	d.centre(kd)
	return d.tau * d.tau * (mean + d.lseT - d.lseQ)
}

// The following return a divergence and set diff to its derivative with respect to q, up to a constant. They are the
// terms of [Spec.term] by the logarithm of q/p, diff/tau + lseT − lseQ, so that a mixture m of both is one LogAddExp.

// jsd: with l = log m/p = log(β + (1−β)·q/p), −β·Σ p·l + (1−β)·Σ q·(log q/p − l); derivative (1−β)·(log q/p − l).
func (d *denseRow) jsd(beta float64) float64 {
	kernel.Scale(d.diff, float32(1/d.tau))
	kernel.LogAddExp(d.mixture, d.diff, 1, float32(math.Log(beta)), float32(math.Log(1-beta)+d.lseT-d.lseQ))
	kernel.Axpy(d.diff, -1, d.mixture)
	value := (1-beta)*(float64(kernel.Dot(d.q, d.diff))+d.lseT-d.lseQ) - beta*float64(kernel.Dot(d.p, d.mixture))
	kernel.Scale(d.diff, float32(1-beta))
	return value
}

// skewForward: with l = log m/p = log(α + (1−α)·q/p), −Σ p·l; derivative −(1−α)·p/m.
func (d *denseRow) skewForward(alpha float64) float64 {
	rest := math.Log(1 - alpha)
	kernel.LogAddExp(d.mixture, d.diff, float32(1/d.tau), float32(math.Log(alpha)), float32(rest+d.lseT-d.lseQ))
	kernel.ExpAffine(d.diff, d.mixture, -1, float32(rest))
	kernel.Scale(d.diff, -1)
	return -float64(kernel.Dot(d.p, d.mixture))
}

// skewReverse: with l = log m/q = log(α + (1−α)·p/q), −Σ q·l; derivative −l − α·q/m.
func (d *denseRow) skewReverse(alpha float64) float64 {
	share := math.Log(alpha)
	kernel.LogAddExp(d.mixture, d.diff, float32(-1/d.tau), float32(share), float32(math.Log(1-alpha)-d.lseT+d.lseQ))
	kernel.ExpAffine(d.diff, d.mixture, -1, float32(share))
	kernel.Axpy(d.diff, 1, d.mixture)
	kernel.Scale(d.diff, -1)
	return -float64(kernel.Dot(d.q, d.mixture))
}

// totalVariation: ½·Σ |q − p|; derivative ½·sign(q − p).
func (d *denseRow) totalVariation() (value float64) {
	const half, sign = 0x3f000000, 1 << 31 // bits of ½ and of the sign: a branch would be mispredicted half the time
	copy(d.mixture, d.q)
	kernel.Axpy(d.mixture, -1, d.p)
	for i, v := range d.mixture {
		d.diff[i] = math.Float32frombits(half | math.Float32bits(v)&sign)
	}
	return float64(kernel.Dot(d.diff, d.mixture))
}

// gradient adds up both parts in z, given softmax(z) in z and the divergence's part in q.
func (d *denseRow) gradient(ce, smoothing float64) {
	if ce == 0 {
		return // q is z
	}
	kernel.Scale(d.z, float32(ce))
	kernel.Axpy(d.z, 1, d.q)
	if smoothing > 0 {
		uniform := float32(ce * smoothing / float64(len(d.z)))
		for i := range d.z {
			d.z[i] -= uniform
		}
	}
	d.z[d.target] -= float32(ce * (1 - smoothing))
}

func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}
