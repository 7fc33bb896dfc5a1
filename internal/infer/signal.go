package infer

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// recorder keeps the signal of a completion: for each position, entries of the model's own distribution, before
// temperature and penalties. A nil signal records nothing.
type recorder struct {
	spec   distill.SignalSpec
	signal *distill.Signal
	draws  *rand.Rand

	candidates []candidate
	p          []float32
	drawn      []float64
	ids        []Token
	logprobs   []float32
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

// record adds a position whose logits have the given log-sum-exp.
func (r *recorder) record(logits []float32, logSumExp float32) {
	if r.signal == nil {
		return
	}
	r.ids, r.logprobs = r.ids[:0], r.logprobs[:0]
	if r.spec.Kind == distill.TopK {
		r.candidates = mostLikely(r.candidates[:0], logits, min(r.spec.K, len(logits)))
		for _, c := range r.candidates {
			r.ids = append(r.ids, c.id)
			r.logprobs = append(r.logprobs, c.logit-logSumExp)
		}
	} else {
		r.sample(logits, logSumExp)
	}
	r.signal.Append(r.ids, r.logprobs)
}

// sample draws K tokens with replacement and keeps each with the logarithm of its share of the draws. Sorted uniform
// numbers are handed out in one walk over the vocabulary.
func (r *recorder) sample(logits []float32, logSumExp float32) {
	p := resize(&r.p, len(logits))
	kernel.ExpAffine(p, logits, 1, -logSumExp)
	var total float64 // summed as the walk below sums, so that every draw finds its token
	for _, v := range p {
		total += float64(v)
	}
	below := math.Nextafter(total, 0)
	u := resize(&r.drawn, r.spec.K)
	for i := range u {
		u[i] = min(r.draws.Float64()*total, below)
	}
	slices.Sort(u)
	var sum float64
	next := 0
	for id := 0; next < len(u); id++ {
		sum += float64(p[id])
		first := next
		for next < len(u) && u[next] < sum {
			next++
		}
		if next > first {
			r.ids = append(r.ids, Token(id))
			r.logprobs = append(r.logprobs, float32(math.Log(float64(next-first)/float64(len(u)))))
		}
	}
}
