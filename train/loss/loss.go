// Package loss holds the objectives of distillation, one position at a time: cross-entropy against the token that was
// chosen, a divergence from the teacher's distribution, and mixtures of both.
//
//	objective, err := loss.New(loss.Spec{Divergence: loss.ForwardKL, Mix: 0.5, Temperature: 2})
//
// # Sparse signals
//
// A teacher's distribution is usually kept as its K likeliest entries. The mass outside them is one more outcome, the
// tail: student and teacher are both reduced to these K+1 outcomes, so the divergence is a true one (zero exactly where
// the two agree on all outcomes, never below) and what the student puts outside is pushed up or down as a whole. With
// K = V there is no tail and this is the dense divergence. Temperature acts on the reduced distributions.
//
// A sampled signal (Sparse Logit Sampling, arXiv:2503.16870) has no tail: its entries are draws. The gradient of forward
// KL is then softmax(student) − counts/K, whose mean over draws is the dense gradient. Other divergences and
// temperatures have no such estimator and are refused by [Objective.Supports].
//
// # Vocabularies
//
// Teacher and student may pad their vocabularies differently: entries outside the student's belong to the tail. Where the
// vocabularies differ altogether, ULD compares the teacher's kept probabilities with the student's largest, rank by rank, and
// what neither names as one more outcome; tokens play no part. GOLD (general online logit distillation, in Hugging Face TRL)
// does so with the entries that the student has no token for, whose ids are below 0, and takes forward KL over the others,
// with the rest as one outcome. Ranks are constant where no two logits are equal, so the gradient is that of their pairs.
//
// # What it does not do
//
// It sees one row of logits and knows no graph; internal/nn makes the logits in chunks and weighs the rows.
package loss

import (
	"fmt"
	"sync"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Divergence names a distance from the teacher's distribution p to the student's q.
type Divergence string

// The divergences, in nats. All but TotalVariation are multiplied by Temperature² to keep gradients at the scale of
// cross-entropy (Hinton et al. 2015, arXiv:1503.02531, section 2); so is it, for one rule.
const (
	None           Divergence = ""                // cross-entropy alone
	ForwardKL      Divergence = "forward-kl"      // KL(p ‖ q): covers all the teacher does
	ReverseKL      Divergence = "reverse-kl"      // KL(q ‖ p): keeps to what the teacher does most (MiniLLM, arXiv:2306.08543)
	JSD            Divergence = "jsd"             // β·KL(p ‖ m) + (1−β)·KL(q ‖ m), m = βp + (1−β)q (GKD, arXiv:2306.13649)
	SkewForwardKL  Divergence = "skew-forward-kl" // KL(p ‖ αp + (1−α)q) (DistiLLM, arXiv:2402.03898)
	SkewReverseKL  Divergence = "skew-reverse-kl" // KL(q ‖ (1−α)p + αq)
	TotalVariation Divergence = "total-variation" // ½ Σ |p − q|
	ULD            Divergence = "uld"             // Σ |p₍ᵢ₎ − q₍ᵢ₎|, both sorted (universal logit distillation, arXiv:2402.12030)
	GOLD           Divergence = "gold"            // forward KL over the tokens that both know, and ULD over the rest
)

// Divergences lists all but None.
func Divergences() []Divergence {
	return []Divergence{ForwardKL, ReverseKL, JSD, SkewForwardKL, SkewReverseKL, TotalVariation, ULD, GOLD}
}

// Spec says what is minimised at each position,
//
//	(1 − Mix) · cross-entropy + Mix · Temperature² · divergence
//
// and cross-entropy alone where the teacher left no signal. The zero value is cross-entropy.
type Spec struct {
	Divergence     Divergence
	Mix            float64 // in [0, 1]; not read without a divergence
	Temperature    float64 // of both distributions in the divergence; positive, 0 means 1
	Beta           float64 // of JSD, in [0, 1]. The ends are the limits of JSD/β and JSD/(1−β): forward and reverse KL
	Alpha          float64 // of the skew divergences, in [0, 1); 0 is the plain one
	LabelSmoothing float64 // ε of cross-entropy, in [0, 1): the target counts 1−ε, every token ε/V more (arXiv:1512.00567)
}

// Objective is a checked Spec, ready to judge rows. It may be used by many goroutines at once.
type Objective struct {
	spec    Spec
	scratch *sync.Pool
}

var _ nn.RowLoss = (*Objective)(nil)

// New returns the objective of a spec, or an error that names the field which is out of range.
func New(s Spec) (*Objective, error) {
	if s.Temperature == 0 {
		s.Temperature = 1
	}
	known := s.Divergence == None
	for _, d := range Divergences() {
		known = known || d == s.Divergence
	}
	switch {
	case !known:
		return nil, fmt.Errorf("loss: divergence %q is none of %q", s.Divergence, Divergences())
	case !(s.Mix >= 0 && s.Mix <= 1):
		return nil, fmt.Errorf("loss: mix %v outside [0, 1]", s.Mix)
	case !(s.Temperature > 0 && s.Temperature <= 1e3):
		return nil, fmt.Errorf("loss: temperature %v outside (0, 1000]", s.Temperature)
	case !(s.Beta >= 0 && s.Beta <= 1):
		return nil, fmt.Errorf("loss: beta %v outside [0, 1]", s.Beta)
	case !(s.Alpha >= 0 && s.Alpha < 1):
		return nil, fmt.Errorf("loss: alpha %v outside [0, 1)", s.Alpha)
	case !(s.LabelSmoothing >= 0 && s.LabelSmoothing < 1):
		return nil, fmt.Errorf("loss: label smoothing %v outside [0, 1)", s.LabelSmoothing)
	}
	switch {
	case s.Divergence == None:
		s.Mix = 0
	case s.Divergence == JSD && s.Beta == 0, s.Divergence == SkewForwardKL && s.Alpha == 0:
		s.Divergence = ForwardKL
	case s.Divergence == JSD && s.Beta == 1, s.Divergence == SkewReverseKL && s.Alpha == 0:
		s.Divergence = ReverseKL
	}
	return &Objective{spec: s, scratch: &sync.Pool{New: func() any { return new(outcomes) }}}, nil
}

// Spec returns what the objective minimises, defaults filled in.
func (o *Objective) Spec() Spec { return o.spec }

// WithMix returns the objective with another share of the divergence, limited to [0, 1]: a step of a mixing schedule.
func (o *Objective) WithMix(mix float64) *Objective {
	if o.spec.Divergence == None {
		return o
	}
	c := *o
	c.spec.Mix = min(1, max(0, mix))
	return &c
}

// Supports returns an error if the objective has no exact or unbiased form for signals of that kind.
func (o *Objective) Supports(kind distill.SignalKind) error {
	if kind != distill.Sampled || o.spec.Divergence == None {
		return nil
	}
	if o.spec.Divergence != ForwardKL {
		return fmt.Errorf("loss: %s cannot be estimated from sampled signals; forward-kl can", o.spec.Divergence)
	}
	if o.spec.Temperature != 1 {
		return fmt.Errorf("loss: sampled signals are draws at temperature 1, not %v", o.spec.Temperature)
	}
	return nil
}
