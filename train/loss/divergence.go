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
	raw     []float64 // student: logits of the entries
	softmax []float64 // student: probabilities of the entries at temperature 1

	student, teacher reduced
	grad             []float64 // of the divergence with respect to the student's reduced logits
	ranks                      // of entries without a token

	all  []distill.Token // 0, 1, 2, …: the entries of a whole vocabulary
	p, q []float32       // scratch of dense rows
}

// reduced is a distribution over the outcomes.
type reduced struct{ logs, probs []float64 }

func (r *reduced) reset() { r.logs, r.probs = r.logs[:0], r.probs[:0] }

func (r *reduced) add(log, prob float64) {
	r.logs, r.probs = append(r.logs, log), append(r.probs, prob)
}

// temper makes the distribution that of logs/tau. At temperature 1 the exponentials are there already and only their sum
// may be off.
func (r *reduced) temper(tau float64) {
	if tau != 1 {
		top := math.Inf(-1)
		for i := range r.logs {
			r.logs[i] /= tau
			top = max(top, r.logs[i])
		}
		for i := range r.logs {
			r.logs[i] -= top
			r.probs[i] = math.Exp(r.logs[i])
		}
	}
	var sum float64
	for _, p := range r.probs {
		sum += p
	}
	log := math.Log(sum)
	for i := range r.probs {
		r.logs[i] -= log
		r.probs[i] /= sum
	}
}

// reset empties the outcomes.
func (o *outcomes) reset() {
	o.raw, o.softmax = o.raw[:0], o.softmax[:0]
	o.student.reset()
	o.teacher.reset()
}

// divergence returns tau² times the divergence of the outcomes, and leaves its gradient with respect to the student's
// logits in grad. With q = softmax(logits/tau) and g_j = ∂D/∂q_j, that is tau · q_j · (g_j − Σ q·g).
func (o *outcomes) divergence(s *Spec) float64 {
	tau := s.Temperature
	o.teacher.temper(tau)
	o.student.temper(tau)
	o.grad = o.grad[:0]
	var value, mean float64
	if s.Divergence == GOLD {
		value, mean = o.gold()
	} else {
		for j, q := range o.student.probs {
			d, qg := s.term(o.teacher.probs[j], q, o.teacher.logs[j], o.student.logs[j])
			value += d
			mean += qg
			o.grad = append(o.grad, qg)
		}
	}
	for j, q := range o.student.probs {
		o.grad[j] = tau * (o.grad[j] - q*mean)
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
	case ULD:
		return math.Abs(p - q), q * sign(q-p)
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
