package loss

import (
	"cmp"
	"math"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// ranked reports whether entries are paired with the student's tokens by rank instead of by id.
func (d Divergence) ranked() bool { return d == ULD || d == GOLD }

// ranks are entries of a signal in the order in which they are paired with tokens of the student.
type ranks struct {
	ids      []distill.Token
	logprobs []float32
	matched  int // the first ones have their tokens by id

	heap  []distill.Token
	taken []bool // by token: has an entry already
}

// pair sets the entries: for GOLD first those that name a token of the student, then all others, the likeliest first, each
// with the student's likeliest token that is left. Where the student has no token left the rest is the tail.
func (r *ranks) pair(t nn.Target, logits []float32, d Divergence) {
	r.ids, r.logprobs = r.ids[:0], r.logprobs[:0]
	if len(r.taken) < len(logits) {
		r.taken = make([]bool, len(logits))
	}
	for i, id := range t.IDs {
		if d == GOLD && id >= 0 && int(id) < len(logits) {
			r.ids, r.logprobs = append(r.ids, id), append(r.logprobs, t.Logprobs[i])
			r.taken[id] = true
		}
	}
	r.matched = len(r.ids)
	for i, id := range t.IDs {
		if d != GOLD || id < 0 || int(id) >= len(logits) {
			r.logprobs = append(r.logprobs, t.Logprobs[i])
		}
	}
	slices.SortFunc(r.logprobs[r.matched:], func(a, b float32) int { return cmp.Compare(b, a) })
	r.likeliest(logits, len(r.logprobs)-r.matched)
	for _, id := range r.ids[:r.matched] {
		r.taken[id] = false
	}
	r.ids = append(r.ids, r.heap...)
	r.logprobs = r.logprobs[:len(r.ids)]
}

// rankBlock is how many logits are looked at together: most blocks have none of the likeliest.
const rankBlock = 256

// likeliest sets heap to the k tokens with the largest logits that are not taken, the largest first; of equal ones the
// first. On the way heap has the least of them at its root.
func (r *ranks) likeliest(logits []float32, k int) {
	h := r.heap[:0]
	before := func(a, b distill.Token) int { // which is the likelier
		if c := cmp.Compare(logits[b], logits[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	}
	for lo := 0; lo < len(logits) && k > 0; lo += rankBlock {
		block := logits[lo:min(len(logits), lo+rankBlock)]
		if len(h) == k && kernel.Max(block) <= logits[h[0]] {
			continue
		}
		for i, z := range block {
			id := distill.Token(lo + i)
			switch {
			case len(h) == k && z <= logits[h[0]] || r.taken[id]:
			case len(h) < k:
				h = append(h, id)
				if len(h) == k {
					for root := k/2 - 1; root >= 0; root-- {
						sink(h, root, before)
					}
				}
			default:
				h[0] = id
				sink(h, 0, before)
			}
		}
	}
	slices.SortFunc(h, before)
	r.heap = h
}

// sink puts the element at i of a heap, whose root is the last of all in the order, in its place.
func sink(h []distill.Token, i int, order func(a, b distill.Token) int) {
	for {
		last := 2*i + 1
		if last >= len(h) {
			return
		}
		if right := last + 1; right < len(h) && order(h[right], h[last]) > 0 {
			last = right
		}
		if order(h[last], h[i]) <= 0 {
			return
		}
		h[i], h[last] = h[last], h[i]
		i = last
	}
}

// gold returns forward KL over the outcomes that are matched by id, all others being one more outcome, and the distance by
// rank of those, and leaves q times its derivative in grad. mean is the sum of these.
func (o *outcomes) gold() (value, mean float64) {
	p, q, m := o.teacher.probs, o.student.probs, o.matched
	for j := range m {
		value += p[j] * (o.teacher.logs[j] - o.student.logs[j])
		o.grad = append(o.grad, -p[j])
		mean -= p[j]
	}
	var restP, restQ float64
	for j := m; j < len(q); j++ {
		restP, restQ = restP+p[j], restQ+q[j]
	}
	if m < len(q) && restQ > 0 {
		value += restP * math.Log(restP/restQ)
	}
	for j := m; j < len(q); j++ {
		value += math.Abs(p[j] - q[j])
		qg := q[j] * sign(q[j]-p[j])
		if restQ > 0 {
			qg -= q[j] * restP / restQ
		}
		o.grad = append(o.grad, qg)
		mean += qg
	}
	return value, mean
}
