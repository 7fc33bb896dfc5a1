package infer

import (
	"math"
	"math/rand/v2"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// sampler draws the tokens of one completion. Its random numbers come from the request's seed alone, one for each drawn
// token and each that top-p or min-p did not admit, so that what else is asked for (a signal) or runs beside it changes
// nothing.
//
// The order is that of Hugging Face and vLLM: repetition penalty, constraint, temperature, then top-k, top-p and min-p each narrow
// what the one before left, then a draw. Temperature 0 takes the most likely token after the penalty, the lowest id on a
// tie.
type sampler struct {
	s          distill.Sampling
	draws      *rand.Rand
	seen       map[Token]struct{} // of prompt and completion, for the penalty
	constraint Constraint

	adjusted   []float32
	own        distribution // of penalised logits, or at another temperature than 1
	likely     likely
	candidates []candidate // in likely
}

// The second halves of the seeds of PCG streams: one for tokens, one for sampled signals.
const (
	tokenStream  = 0x746f6b656e
	signalStream = 0x7369676e616c
)

func newSampler(s distill.Sampling, prompt []Token, c Constraint) *sampler {
	r := &sampler{s: s, draws: rand.New(rand.NewPCG(s.Seed, tokenStream)), constraint: c}
	if s.RepetitionPenalty > 0 && s.RepetitionPenalty != 1 {
		r.seen = make(map[Token]struct{})
		for _, id := range prompt {
			r.seen[id] = struct{}{}
		}
	}
	return r
}

// next chooses the token that follows. The logits are left as they are; d is their distribution at temperature 1.
// An error is the constraint's.
func (r *sampler) next(logits []float32, d *distribution) (Token, error) {
	adjusted, err := r.adjust(logits)
	if err != nil {
		return 0, err
	}
	id := r.choose(adjusted, d)
	if r.seen != nil {
		r.seen[id] = struct{}{}
	}
	return id, nil
}

// adjust applies the repetition penalty, a logit above zero being divided by it and one below multiplied (Keskar et al.
// 2019, arXiv:1909.05858, as transformers reads it), and then the constraint.
func (r *sampler) adjust(logits []float32) ([]float32, error) {
	if !r.adjusts() {
		return logits, nil
	}
	r.adjusted = append(r.adjusted[:0], logits...)
	penalty := float32(r.s.RepetitionPenalty)
	for id := range r.seen {
		if r.adjusted[id] > 0 {
			r.adjusted[id] /= penalty
		} else {
			r.adjusted[id] *= penalty
		}
	}
	if r.constraint != nil {
		return r.adjusted, r.constraint.Mask(r.adjusted)
	}
	return r.adjusted, nil
}

// adjusts reports whether what is drawn from differs from the model's own logits.
func (r *sampler) adjusts() bool { return r.seen != nil || r.constraint != nil }

// attempts is how many tokens are drawn from all, where a rule may exclude them, before the admitted ones are sorted out.
// A draw costs a thousandth of sorting a vocabulary, and a usual rule admits most of what is drawn.
const attempts = 16

func (r *sampler) choose(logits []float32, d *distribution) Token {
	if r.s.Temperature <= 0 {
		return argmax(logits)
	}
	u := r.draws.Float64()
	narrow := r.s.TopK > 0 && r.s.TopK < len(logits) || r.s.TopP > 0 && r.s.TopP < 1 || r.s.MinP > 0
	if !narrow {
		if r.adjusts() || r.s.Temperature != 1 {
			d = &r.own
			d.set(logits, r.s.Temperature)
		}
		return d.at(u)
	}
	if r.s.TopK <= 0 || r.s.TopK >= len(logits) {
		r.own.set(logits, r.s.Temperature)
		for range attempts {
			if id := r.own.at(u); r.admits(id) {
				return id
			}
			u = r.draws.Float64()
		}
	}
	r.narrow(logits)
	var total float64
	for _, c := range r.candidates {
		total += c.p
	}
	u *= total
	for _, c := range r.candidates {
		if u -= c.p; u < 0 {
			return c.id
		}
	}
	return r.candidates[len(r.candidates)-1].id
}

// admits reports whether top-p and min-p leave a token of r.own.
func (r *sampler) admits(id Token) bool {
	d := &r.own
	if p := float64(d.p[id]); p < r.s.MinP && p < 1 { // the most likely one has 1
		return false
	}
	return r.s.TopP <= 0 || r.s.TopP >= 1 || d.before(id) < r.s.TopP*d.total
}

// narrow leaves in r.candidates, the most likely first, what top-k, top-p and min-p admit, with probabilities relative
// to the most likely one.
func (r *sampler) narrow(logits []float32) {
	top := kernel.Max(logits)
	k := r.s.TopK
	if k <= 0 || k > len(logits) {
		k = len(logits)
	}
	r.candidates = r.likely.top(logits, k)
	var total float64
	for i := range r.candidates {
		c := &r.candidates[i]
		c.p = math.Exp(float64(c.logit-top) / r.s.Temperature)
		total += c.p
	}
	if r.s.TopP > 0 && r.s.TopP < 1 {
		var mass float64
		for i, c := range r.candidates {
			if mass += c.p; mass >= r.s.TopP*total {
				r.candidates = r.candidates[:i+1]
				break
			}
		}
	}
	for i, c := range r.candidates {
		if i > 0 && (c.p < r.s.MinP || c.p == 0) {
			r.candidates = r.candidates[:i]
			break
		}
	}
}

// argmax returns the index of the largest logit, the lowest on a tie. Whole blocks are passed over by their maximum.
func argmax(logits []float32) Token {
	const block = 256
	best, start := float32(math.Inf(-1)), 0
	for lo := 0; lo < len(logits); lo += block {
		if v := kernel.Max(logits[lo:min(lo+block, len(logits))]); v > best {
			best, start = v, lo
		}
	}
	for i, v := range logits[start:] {
		if v == best {
			return Token(start + i)
		}
	}
	return 0
}
