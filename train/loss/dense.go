package loss

import (
	"math"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// dense judges a row against a teacher's logits over its whole vocabulary, by as few passes of the vector kernels as the
// divergence allows: exponentials stay as they are, and what would make distributions of them goes into the factors of
// later passes. What a teacher's longer vocabulary has beyond the student's is left out, as entries of a sparse signal are; a
// shorter one goes the way of sparse signals, with all entries kept, as does what is paired by rank.
func (o *Objective) dense(logits []float32, t nn.Target, scale float32) nn.Value {
	state := o.scratch.Get().(*outcomes)
	defer o.scratch.Put(state)
	if len(t.Dense) < len(logits) || o.spec.Divergence.ranked() {
		return o.Row(logits, state.entriesOf(t), scale)
	}
	d := denseRow{z: logits, apart: t.Dense[:len(logits)], tau: o.spec.Temperature, target: t.Token}
	d.p, d.mixture = grow(&state.p, len(logits)), grow(&state.mixture, len(logits))
	v := nn.Value{Signals: 1}
	shift := float64(kernel.Max(d.z))
	target, smoothing := float64(logits[t.Token]), 0.0
	if target >= shift {
		v.Correct = 1
	}
	if o.spec.Mix < 1 {
		smoothing = o.spec.LabelSmoothing
	}
	mean := 0.0 // logit, for smoothing
	if smoothing > 0 {
		for _, z := range logits {
			mean += float64(z) / float64(len(logits))
		}
	}
	d.lseT, d.normP = exponentials(d.p, d.apart, d.tau, float64(kernel.Max(d.apart)))
	kernel.Axpy(d.apart, -1, d.z)
	v.CrossEntropy = d.student(state, shift, o.spec.Mix == 1) - target
	d.ce = (1 - o.spec.Mix) * float64(scale)
	v.Divergence = d.divergence(&o.spec, o.spec.Mix*float64(scale)*d.tau)
	v.Loss = (1-o.spec.Mix)*(v.CrossEntropy+smoothing*(target-mean)) + o.spec.Mix*v.Divergence
	if scale != 0 {
		d.gradient(smoothing)
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
	lse, _ := exponentials(grow(&o.p, len(t.Dense)), t.Dense, 1, shift)
	for i := range t.Dense {
		t.Dense[i] -= float32(lse)
	}
	return nn.Target{Token: t.Token, Kind: distill.TopK, IDs: o.all[:len(t.Dense)], Logprobs: t.Dense}
}

// denseRow is one position on its way. z (V) holds the student's logits, then exponentials, then the gradient; apart the
// teacher's logits, then how far they are above the student's.
type denseRow struct {
	z, apart, p, q      []float32 // p and q are distributions at tau but for their norms; q is z where tau is 1
	mixture             []float32 // scratch: logarithm of the mixture of both
	tau                 float64
	target              distill.Token
	lseT, lseQ          float64
	normP, normQ, normZ float64 // factors that make the exponentials in p, q and z distributions
	ce                  float64 // what cross-entropy counts in the gradient
}

// student sets q, and z to exponentials of z, and returns log Σ exp z. With alone set cross-entropy has no gradient, so that
// those are not needed and q takes the place of z.
func (d *denseRow) student(o *outcomes, shift float64, alone bool) (lse float64) {
	if d.tau == 1 {
		d.q = d.z
		d.lseQ, d.normQ = exponentials(d.q, d.z, 1, shift)
		return d.lseQ
	}
	d.q = grow(&o.q, len(d.z))
	if alone {
		lse, _ = exponentials(d.q, d.z, 1, shift)
		d.q = d.z
	}
	d.lseQ, d.normQ = exponentials(d.q, d.z, d.tau, shift)
	if !alone {
		lse, d.normZ = exponentials(d.z, d.z, 1, shift)
	}
	return lse
}

// exponentials sets dst to exp((x − shift)/tau), and returns log Σ exp(x/tau) and what makes dst softmax(x/tau); shift is the
// largest x.
func exponentials(dst, x []float32, tau, shift float64) (lse, norm float64) {
	sum := float64(kernel.ExpAffine(dst, x, float32(1/tau), float32(-shift/tau)))
	return float64(float32(shift/tau)) + math.Log(sum), 1 / sum
}

// divergence returns tau² times the divergence and leaves its gradient, times kd, in q. Where q is z, that of
// cross-entropy's softmax is added on the way.
func (d *denseRow) divergence(s *Spec, kd float64) float64 {
	if s.Divergence == ForwardKL {
		return d.forward(kd)
	}
	var value, factor float64 // of the derivative in apart
	switch s.Divergence {
	case ReverseKL:
		value, factor = d.reverse()
	case JSD:
		value, factor = d.jsd(s.Beta)
	case SkewForwardKL:
		value, factor = d.skewForward(s.Alpha)
	case SkewReverseKL:
		value, factor = d.skewReverse(s.Alpha)
	case TotalVariation:
		value, factor = d.totalVariation()
	}
	d.centre(kd * factor * d.normQ)
	return d.tau * d.tau * value
}

// besides returns what of q cross-entropy adds to the gradient.
func (d *denseRow) besides() float64 {
	if d.tau == 1 {
		return d.ce * d.normQ
	}
	return 0
}

// centre sets q to a times the gradient of the divergence with respect to z/tau, given its derivative with respect to q, up
// to a constant, in apart: q·(apart − Σ q·apart).
func (d *denseRow) centre(a float64) {
	mean := d.normQ * float64(kernel.Dot(d.q, d.apart))
	kernel.MulScaled(d.apart, float32(a), d.q, d.apart)
	kernel.Scale(d.q, float32(d.besides()-a*mean))
	kernel.Axpy(d.q, 1, d.apart)
}

// forward returns tau²·KL(p ‖ q) = tau²·(Σ p·(t − z)/tau − lseT + lseQ) and leaves its gradient, times kd, in q.
func (d *denseRow) forward(kd float64) float64 {
	value := d.normP*float64(kernel.Dot(d.p, d.apart))/d.tau - d.lseT + d.lseQ
	kernel.Scale(d.q, float32(kd*d.normQ+d.besides()))
	kernel.Axpy(d.q, float32(-kd*d.normP), d.p)
	return d.tau * d.tau * value
}

// The following return a divergence, and set apart to its derivative with respect to q, up to a constant and the factor they
// return. They are the terms of [Spec.term] by the logarithm of q/p, −apart/tau + lseT − lseQ, so that a mixture m of both
// is one LogAddExp.

// reverse: KL(q ‖ p) = Σ q·log q/p; derivative log q/p.
func (d *denseRow) reverse() (value, factor float64) {
	mean := d.normQ * float64(kernel.Dot(d.q, d.apart))
	return d.lseT - d.lseQ - mean/d.tau, -1 / d.tau
}

// jsd: with l = log m/p = log(β + (1−β)·q/p), −β·Σ p·l + (1−β)·Σ q·(log q/p − l); derivative (1−β)·(log q/p − l).
func (d *denseRow) jsd(beta float64) (value, factor float64) {
	if d.tau != 1 {
		kernel.Scale(d.apart, float32(1/d.tau))
	}
	kernel.LogAddExp(d.mixture, d.apart, -1, float32(math.Log(beta)), float32(math.Log(1-beta)+d.lseT-d.lseQ))
	kernel.Axpy(d.apart, 1, d.mixture)
	q := d.lseT - d.lseQ - d.normQ*float64(kernel.Dot(d.q, d.apart))
	return (1-beta)*q - beta*d.normP*float64(kernel.Dot(d.p, d.mixture)), beta - 1
}

// skewForward: with l = log m/p = log(α + (1−α)·q/p), −Σ p·l; derivative −(1−α)·p/m.
func (d *denseRow) skewForward(alpha float64) (value, factor float64) {
	rest := math.Log(1 - alpha)
	kernel.LogAddExp(d.mixture, d.apart, float32(-1/d.tau), float32(math.Log(alpha)), float32(rest+d.lseT-d.lseQ))
	kernel.ExpAffine(d.apart, d.mixture, -1, float32(rest))
	return -d.normP * float64(kernel.Dot(d.p, d.mixture)), -1
}

// skewReverse: with l = log m/q = log(α + (1−α)·p/q), −Σ q·l; derivative −l − α·q/m.
func (d *denseRow) skewReverse(alpha float64) (value, factor float64) {
	share := math.Log(alpha)
	kernel.LogAddExp(d.mixture, d.apart, float32(1/d.tau), float32(share), float32(math.Log(1-alpha)-d.lseT+d.lseQ))
	kernel.ExpAffine(d.apart, d.mixture, -1, float32(share))
	kernel.Axpy(d.apart, 1, d.mixture)
	return -d.normQ * float64(kernel.Dot(d.q, d.mixture)), -1
}

// totalVariation: ½·Σ |q − p|; derivative ½·sign(q − p).
func (d *denseRow) totalVariation() (value, factor float64) {
	const half, sign = 0x3f000000, 1 << 31 // bits of ½ and of the sign: a branch would be mispredicted half the time
	copy(d.mixture, d.q)
	kernel.Scale(d.mixture, float32(d.normQ))
	kernel.Axpy(d.mixture, float32(-d.normP), d.p)
	for i, v := range d.mixture {
		d.apart[i] = math.Float32frombits(half | math.Float32bits(v)&sign)
	}
	return float64(kernel.Dot(d.apart, d.mixture)), 1
}

// gradient adds up both parts in z, given exponentials in z and the divergence's part in q.
func (d *denseRow) gradient(smoothing float64) {
	if d.ce == 0 {
		return // q is z
	}
	if d.tau != 1 {
		kernel.Scale(d.z, float32(d.ce*d.normZ))
		kernel.Axpy(d.z, 1, d.q)
	}
	if smoothing > 0 {
		uniform := float32(d.ce * smoothing / float64(len(d.z)))
		for i := range d.z {
			d.z[i] -= uniform
		}
	}
	d.z[d.target] -= float32(d.ce * (1 - smoothing))
}

func grow(buf *[]float32, n int) []float32 {
	if cap(*buf) < n {
		*buf = make([]float32, n)
	}
	return (*buf)[:n]
}
