package loss

import (
	"math"

	"github.com/seed-d24fde5f/distill"
)

const (
	// minTail is the least mass a teacher's tail counts as having. Log-probabilities are kept in half precision, which
	// cannot tell a smaller tail from rounding, and a reverse KL against nothing would be infinite.
	minTail = 1e-6
	// minLogprob bounds a teacher's log-probabilities from below, for the same reason.
	minLogprob = -60
)

// outcomes are the K+1 outcomes that student and teacher are reduced to at one position; the last may be the tail.
type outcomes struct {
	raw    []float64 // student: logits of the entries
	logits []float64 // the same and the log-sum-exp of the tail; log-probabilities once tempered
	logP   []float64 // teacher: log-probabilities
	grad   []float64 // of the divergence with respect to logits

	all        []distill.Token // 0, 1, 2, …: the entries of a whole vocabulary
	p, q, diff []float32       // scratch of dense rows
}

// reset empties the outcomes.
func (o *outcomes) reset() { o.raw, o.logits, o.logP = o.raw[:0], o.logits[:0], o.logP[:0] }

// add appends an outcome.
func (o *outcomes) add(logit, logP float64) {
	o.logits, o.logP = append(o.logits, logit), append(o.logP, logP)
}

// temper replaces x by x/tau − log Σ exp(x/tau).
func temper(x []float64, tau float64) {
	shift := math.Inf(-1)
	for i := range x {
		x[i] /= tau
		shift = max(shift, x[i])
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(v - shift)
	}
	shift += math.Log(sum)
	for i := range x {
		x[i] -= shift
	}
}

// divergence returns tau² times the divergence of the outcomes, and leaves its gradient with respect to the student's
// logits in grad. With q = softmax(logits/tau) and g_j = ∂D/∂q_j, that is tau · q_j · (g_j − Σ q·g).
func (o *outcomes) divergence(s *Spec) float64 {
	tau := s.Temperature
	temper(o.logP, tau)
	temper(o.logits, tau)
	if cap(o.grad) < len(o.logits) {
		o.grad = make([]float64, len(o.logits))
	}
	o.grad = o.grad[:len(o.logits)]
	var value, mean float64
	for j, logQ := range o.logits {
		p, q := math.Exp(o.logP[j]), math.Exp(logQ)
		d, qg := s.term(p, q, o.logP[j], logQ)
		value += d
		mean += qg
		o.grad[j] = qg
	}
	for j, logQ := range o.logits {
		o.grad[j] = tau * (o.grad[j] - math.Exp(logQ)*mean)
	}
	return tau * tau * value
}

// term returns what one outcome adds to the divergence, and q times the derivative with respect to q up to a multiple of
// q, which the normalisation of q cancels.
func (s *Spec) term(p, q, logP, logQ float64) (d, qg float64) {
	switch s.Divergence {
	case ForwardKL:
		return p * (logP - logQ), -p
	case ReverseKL:
		d = q * (logQ - logP)
		return d, d
	case JSD:
		m := math.Log(s.Beta*p + (1-s.Beta)*q)
		return s.Beta*p*(logP-m) + (1-s.Beta)*q*(logQ-m), (1 - s.Beta) * q * (logQ - m)
	case SkewForwardKL:
		m := s.Alpha*p + (1-s.Alpha)*q
		return p * (logP - math.Log(m)), -(1 - s.Alpha) * q * p / m
	case SkewReverseKL:
		m := (1-s.Alpha)*p + s.Alpha*q
		d = q * (logQ - math.Log(m))
		return d, d - s.Alpha*q*q/m
	case TotalVariation:
		return math.Abs(p-q) / 2, q * sign(q-p) / 2
	}
	return 0, 0
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
