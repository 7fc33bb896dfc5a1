package loss

import (
	"math"
	"sort"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// reference returns the loss of one position from its definition, all in float64, over full probability vectors.
func reference(s Spec, logits []float64, t nn.Target) float64 {
	if s.Temperature == 0 {
		s.Temperature = 1
	}
	logQ := logSoftmax(logits)
	v := float64(len(logits))
	ce := -(1 - s.LabelSmoothing) * logQ[t.Token]
	for _, lq := range logQ {
		ce -= s.LabelSmoothing / v * lq
	}
	within := 0
	for _, id := range t.IDs {
		if int(id) < len(logits) {
			within++
		}
	}
	if s.Divergence == ULD || s.Divergence == GOLD {
		if len(t.IDs) == 0 {
			return ce
		}
		return (1-s.Mix)*ce + s.Mix*s.Temperature*s.Temperature*referenceRanked(s, logQ, t)
	}
	if within == 0 || s.Divergence == None {
		return ce
	}
	if t.Kind == distill.Sampled {
		var sum, d float64
		for i, id := range t.IDs {
			if int(id) < len(logits) {
				sum += math.Exp(float64(t.Logprobs[i]))
				d -= math.Exp(float64(t.Logprobs[i])) * logQ[id]
			}
		}
		return (1-s.Mix)*ce + s.Mix*d/sum
	}
	p, q := reduce(logQ, t)
	p, q = referenceTemper(p, s.Temperature), referenceTemper(q, s.Temperature)
	return (1-s.Mix)*ce + s.Mix*s.Temperature*s.Temperature*referenceDivergence(s, p, q)
}

// reduce returns teacher and student over the entries and, unless they are the whole vocabulary, the tail.
func reduce(logQ []float64, t nn.Target) (p, q []float64) {
	kept := map[distill.Token]bool{}
	var sumP float64
	for i, id := range t.IDs {
		if int(id) < len(logQ) {
			kept[id] = true
			p, q = append(p, math.Exp(float64(t.Logprobs[i]))), append(q, math.Exp(logQ[id]))
			sumP += p[len(p)-1]
		}
	}
	if len(kept) < len(logQ) {
		var tail float64
		for id, lq := range logQ {
			if !kept[distill.Token(id)] {
				tail += math.Exp(lq)
			}
		}
		p, q = append(p, max(minTail, 1-sumP)), append(q, tail)
	}
	return p, q
}

// referenceRanked returns ULD or GOLD from their definitions, by sorting the whole vocabulary.
func referenceRanked(s Spec, logQ []float64, t nn.Target) float64 {
	var p, q, rest, student []float64 // matched pairs, the teacher's other entries, the student's other tokens
	named, sumP := map[distill.Token]bool{}, 0.0
	for i, id := range t.IDs {
		v := math.Exp(float64(t.Logprobs[i]))
		if s.Divergence == GOLD && id >= 0 && int(id) < len(logQ) {
			named[id] = true
			p, q, sumP = append(p, v), append(q, math.Exp(logQ[id])), sumP+v
		} else {
			rest = append(rest, v)
		}
	}
	for id, lq := range logQ {
		if !named[distill.Token(id)] {
			student = append(student, math.Exp(lq))
		}
	}
	sort.Sort(sort.Reverse(sort.Float64Slice(rest)))
	sort.Sort(sort.Reverse(sort.Float64Slice(student)))
	rest = rest[:min(len(rest), len(student))]
	matched, tail := len(p), 0.0
	for i, v := range rest {
		p, q, sumP = append(p, v), append(q, student[i]), sumP+v
	}
	for _, v := range student[len(rest):] {
		tail += v
	}
	if len(rest) < len(student) {
		p, q = append(p, max(minTail, 1-sumP)), append(q, tail)
	}
	p, q = referenceTemper(p, s.Temperature), referenceTemper(q, s.Temperature)
	var d, otherP, otherQ float64
	for i := range p {
		if i < matched {
			d += p[i] * math.Log(p[i]/q[i])
		} else {
			d, otherP, otherQ = d+math.Abs(p[i]-q[i]), otherP+p[i], otherQ+q[i]
		}
	}
	if otherQ > 0 {
		d += otherP * math.Log(otherP/otherQ)
	}
	return d
}

func referenceTemper(p []float64, tau float64) []float64 {
	out, sum := make([]float64, len(p)), 0.0
	for i, v := range p {
		out[i] = math.Pow(v, 1/tau)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

func referenceDivergence(s Spec, p, q []float64) float64 {
	mix := func(a float64) []float64 { // a·p + (1−a)·q
		m := make([]float64, len(p))
		for i := range m {
			m[i] = a*p[i] + (1-a)*q[i]
		}
		return m
	}
	switch s.Divergence {
	case ForwardKL:
		return kl(p, q)
	case ReverseKL:
		return kl(q, p)
	case JSD:
		switch s.Beta {
		case 0:
			return kl(p, q)
		case 1:
			return kl(q, p)
		}
		m := mix(s.Beta)
		return s.Beta*kl(p, m) + (1-s.Beta)*kl(q, m)
	case SkewForwardKL:
		return kl(p, mix(s.Alpha))
	case SkewReverseKL:
		return kl(q, mix(1-s.Alpha))
	}
	var tv float64
	for i := range p {
		tv += math.Abs(p[i]-q[i]) / 2
	}
	return tv
}

func kl(p, q []float64) float64 {
	var sum float64
	for i, v := range p {
		if v > 0 {
			sum += v * math.Log(v/q[i])
		}
	}
	return sum
}

func logSoftmax(x []float64) []float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, v)
	}
	var sum float64
	for _, v := range x {
		sum += math.Exp(v - top)
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - top - math.Log(sum)
	}
	return out
}
