package infer

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// recorder keeps the signal of a completion: for each position, entries of the model's own distribution, before
// temperature and penalties. A nil signal records nothing.
type recorder struct {
	spec   distill.SignalSpec
	signal *distill.Signal
	draws  *rand.Rand

	likely   likely
	drawn    []Token
	ids      []Token
	logprobs []float32
}

func newRecorder(spec distill.SignalSpec, seed uint64) *recorder {
	r := &recorder{spec: spec}
	if spec.K <= 0 || spec.Kind != distill.TopK && spec.Kind != distill.Sampled {
		return r
	}
	r.signal = &distill.Signal{Kind: spec.Kind}
	if spec.Kind == distill.Sampled {
		r.draws = rand.New(rand.NewPCG(seed, signalStream))
	}
	return r
}

// record adds a position; d is the distribution of the logits at temperature 1.
func (r *recorder) record(logits []float32, d *distribution) {
	if r.signal == nil {
		return
	}
	r.ids, r.logprobs = r.ids[:0], r.logprobs[:0]
	if r.spec.Kind == distill.TopK {
		logSumExp := d.logSumExp()
		for _, c := range r.likely.top(logits, min(r.spec.K, len(logits))) {
			r.ids = append(r.ids, c.id)
			r.logprobs = append(r.logprobs, c.logit-logSumExp)
		}
	} else {
		r.sample(d)
	}
	r.signal.Append(r.ids, r.logprobs)
}

// sample draws K tokens with replacement and keeps each with the logarithm of its share of the draws.
func (r *recorder) sample(d *distribution) {
	drawn := resize(&r.drawn, r.spec.K)
	for i := range drawn {
		drawn[i] = d.at(r.draws.Float64())
	}
	slices.Sort(drawn)
	for first := 0; first < len(drawn); {
		next := first + 1
		for next < len(drawn) && drawn[next] == drawn[first] {
			next++
		}
		r.ids = append(r.ids, drawn[first])
		r.logprobs = append(r.logprobs, float32(math.Log(float64(next-first)/float64(len(drawn)))))
		first = next
	}
}
