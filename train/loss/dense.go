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
	v.CrossEntropy = d.exponentials(state, shift, o.spec.Mix == 1) - target
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
// teacher's logits, then how far they are above the student's, then a derivative.
type denseRow struct {
	z, apart, p, q      []float32 // p and q are distributions at tau but for their norms; q is z where tau is 1
	tau                 float64
	target              distill.Token
	normP, normQ, normZ float64 // factors that make the exponentials in p, q and z distributions
	meanP, meanQ        float64 // of apart/tau, by both distributions
	ratio               float64 // log q/p + apart/tau, of distributions
	ce                  float64 // what cross-entropy counts in the gradient
}

// exponentials sets p, q and apart, z to exponentials of z, and returns log Σ exp z; shift is the largest z. With alone set
// cross-entropy has no gradient, so that the last are not needed and q takes the place of z.
func (d *denseRow) exponentials(o *outcomes, shift float64, alone bool) (lse float64) {
	d.p, d.q = grow(&o.p, len(d.z)), d.z
	if d.tau != 1 {
		q := grow(&o.q, len(d.z))
		if alone {
			lse, _ = exponentials(q, d.z, 1, shift)
		} else {
			d.q = q
		}
	}
	above := float64(kernel.Max(d.apart))
	sums := kernel.ExpBoth(d.p, d.q, d.apart, d.apart, d.z, float32(1/d.tau), float32(above), float32(shift))
	d.normP, d.normQ = 1/sums.P, 1/sums.Q
	d.meanP, d.meanQ = sums.PD*d.normP/d.tau, sums.QD*d.normQ/d.tau
	d.ratio = (above-shift)/d.tau + math.Log(sums.P/sums.Q)
	switch {
	case d.tau == 1:
		return shift + math.Log(sums.Q)
	case !alone:
		lse, d.normZ = exponentials(d.z, d.z, 1, shift)
	}
	return lse
}

// exponentials sets dst to exp((x − shift)/tau), and returns log Σ exp(x/tau) and what makes dst softmax(x/tau); shift is the
// largest x.
func exponentials(dst, x []float32, tau, shift float64) (lse, norm float64) {
	sum := kernel.ExpShifted(dst, x, float32(1/tau), float32(shift))
	return shift/tau + math.Log(sum), 1 / sum
}

// divergence returns tau² times the divergence and leaves its gradient, times kd, in q. Where q is z, that of
// cross-entropy's softmax is added on the way.
func (d *denseRow) divergence(s *Spec, kd float64) float64 {
	var value, factor, mean float64 // of the derivative in apart, and its mean
	switch s.Divergence {
	case ForwardKL: // Σ p·log p/q
		kernel.Axpby(d.q, float32(-kd*d.normP), d.p, float32(kd*d.normQ+d.besides()))
		return d.tau * d.tau * (d.meanP - d.ratio)
	case ReverseKL: // Σ q·log q/p; derivative log q/p
		value, factor, mean = d.ratio-d.meanQ, -1/d.tau, d.meanQ*d.tau
	case JSD:
		value, factor, mean = d.jsd(s.Beta)
	case SkewForwardKL:
		value, factor, mean = d.skewForward(s.Alpha)
	case SkewReverseKL:
		value, factor, mean = d.skewReverse(s.Alpha)
	case TotalVariation: // ½·Σ |q − p|; derivative ½·sign(q − p)
		value, mean = kernel.TotalVariation(d.apart, d.p, d.q, float32(d.normP), float32(d.normQ))
		factor, mean = 1, mean*d.normQ
	}
	a := kd * factor * d.normQ // the gradient is q·(derivative − mean)
	kernel.MulAffine(d.q, d.apart, float32(a), float32(d.besides()-a*mean))
	return d.tau * d.tau * value
}

// besides returns what of q cross-entropy adds to the gradient.
func (d *denseRow) besides() float64 {
	if d.tau == 1 {
		return d.ce * d.normQ
	}
	return 0
}

// mixture returns β·p + (1−β)·q of the distributions.
func (d *denseRow) mixture(beta float64) kernel.Mixture {
	return kernel.Mixture{P: beta * d.normP, Q: (1 - beta) * d.normQ, Beta: beta, Ratio: d.ratio, A: 1 / d.tau}
}

// The following return a divergence, and set apart to its derivative with respect to q, up to a constant and the factor they
// return with its mean over q. They are the terms of [Spec.term].

// jsd: β·Σ p·log p/m + (1−β)·Σ q·log q/m; derivative (1−β)·log q/m.
func (d *denseRow) jsd(beta float64) (value, factor, mean float64) {
	p, q := d.mixture(beta).JSD(d.apart, d.p, d.q)
	p, q = p*d.normP, q*d.normQ
	return -beta*p - (1-beta)*(q+math.Log(1-beta)), beta - 1, q
}

// skewForward: Σ p·log p/m; derivative −(1−α)·p/m.
func (d *denseRow) skewForward(alpha float64) (value, factor, mean float64) {
	p, q := d.mixture(alpha).SkewForward(d.apart, d.p, d.q)
	return -p * d.normP, (alpha - 1) / alpha, q * d.normQ
}

// skewReverse: Σ q·log q/m, m of α parts q; derivative log q/m − α·q/m, and α·q/m is 1 less p's share of m.
func (d *denseRow) skewReverse(alpha float64) (value, factor, mean float64) {
	l, q := d.mixture(1-alpha).SkewReverse(d.apart, d.p, d.q)
	return -l*d.normQ - math.Log(alpha), -1, q * d.normQ
}

// gradient adds up both parts in z, given exponentials in z and the divergence's part in q.
func (d *denseRow) gradient(smoothing float64) {
	if d.ce == 0 {
		return // q is z
	}
	if d.tau != 1 {
		kernel.Axpby(d.z, 1, d.q, float32(d.ce*d.normZ))
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
