package config

import "time"

// Default returns a recipe with every default filled in. A document is decoded over it, so it is the one place where a
// default stands; the reasons stand beside them.
func Default() Recipe {
	return Recipe{
		Seed: 1,
		Prompts: Prompts{
			Format:  "chat",
			Heldout: 0.05, // enough to measure with, little enough not to be missed in training
		},
		Teacher: Teacher{
			Samples:        1,
			HeldoutSamples: 1,
			Concurrency:    16,     // what most providers allow a new key
			OnTruncated:    "keep", // selection drops them; asking again costs money
			BatchSize:      1000,   // lost or expired, it is asked again without much delay; servers take 50,000
			BatchPoll:      30 * time.Second,
			Sampling: Sampling{
				Temperature:       1,    // the teacher's own distribution; sharper answers are what selection is for
				TopP:              1,    // no cut: a cut distribution is not the teacher's
				RepetitionPenalty: 1,    // none, for the same reason
				MaxTokens:         1024, // small students do worse on long chains of thought (arXiv:2502.12143)
			},
			Signal: Signal{Kind: "none", K: 12}, // 12 draws a token suffice (arXiv:2503.16870)
			Limits: Limits{
				Timeout:     10 * time.Minute, // a reasoner may think that long
				IdleTimeout: time.Minute,
				Retries:     8, // with exponential backoff some minutes: longer than a usual hiccup
				WhenDown:    "wait",
				Patience:    15 * time.Minute, // a restart that loads a large model takes that long
			},
		},
		Select: Select{
			Policy:     "all",
			Failing:    "drop",
			Unfinished: "drop",
			MixLong:    0.2,     // a little long reasoning among much short (arXiv:2502.12143, section 4)
			Dedup:      "exact", // a repeated answer only weighs its prompt more
			Near:       0.8,     // four of five three-word runs: the usual choice for text
		},
		Tokenizer: Tokenizer{
			// From depends on the teacher: see resolve.
			Size: 4096, // a small student should not spend its weights on embeddings
		},
		Student: Student{
			From:      "scratch",
			Layers:    4,
			Width:     256, // a multiple of 256, so that every block format fits
			FFN:       768, // three times the width, and again a multiple of 256
			Heads:     4,
			Context:   1024,
			Tied:      true, // at these sizes the embedding is a third of the weights
			RopeTheta: 10000,
		},
		Train: Train{
			Epochs:     3, // Hinton-style students gain little after a few passes over distinct text
			Batch:      8,
			Accumulate: 1,
			Optimizer: Optimizer{
				Kind:        "muon", // reached in 2M tokens what AdamW did not in 3M on the reasoner
				LR:          2e-3,
				MuonLR:      0.02,
				WeightDecay: 0.01,
				Beta1:       0.9,
				Beta2:       0.95, // 0.999 reacts too slowly in runs of a few thousand steps
				Clip:        1,
				Schedule:    "wsd", // most of the gain comes in the falling part, and it can be continued
				Decay:       0.2,   // a tenth to a fifth is enough to match a cosine (arXiv:2405.18392)
				Warmup:      0.05,
				Final:       0.02,
			},
			Loss: Loss{
				Kind:        "ce",
				Weight:      1,
				Temperature: 1,
				Beta:        0.5,
			},
			OnPolicy: OnPolicy{
				Start:       0.25,         // before that a student writes little that is worth a teacher's time
				Every:       8,            // sampling goes in larger batches, from weights that are hardly older
				Temperature: 1,            // the student's own distribution, over which the divergence is a mean
				Loss:        "forward_kl", // reverse KL and JSD did worse on teacher and student of docs/results.md
				Beta:        0.5,
			},
			Precision:      "auto",
			Keep:           2,
			Seeds:          1,
			LearnReasoning: true,
			Control:        "none", // it doubles the time
		},
		Export: Export{
			Formats:   []string{"f16", "q8_0", "q4_0"},
			HF:        true,
			Modelfile: true,
		},
		Eval: Eval{
			Prompts: 200, // a 95 % interval of at most ±7 points
			Match:   "none",
			Speed:   true,
		},
		Report: Report{Samples: 12},
	}
}

// resolve returns where the student's tokenizer comes from when the recipe does not say. The teacher's own is the only
// one that lets the student learn from its distribution, so it is taken wherever a model that has it lies on this machine:
// a local or built-in teacher, or one that scores. A remote teacher does not hand out its tokenizer and gold text has none,
// so there one is trained on the data.
func (t *Tokenizer) resolve(r *Recipe) {
	switch {
	case t.From != "":
	case r.Score != nil || r.Teacher.Kind == "local" || r.Teacher.Kind == "builtin":
		t.From = "teacher"
	default:
		t.From = "train"
	}
}

// fill gives the sections that a recipe may leave out altogether their defaults, once they are there.
func (r *Recipe) fill() {
	r.Tokenizer.resolve(r)
	if p := r.Prompts.Problems; p != nil {
		if p.MinSteps == 0 {
			p.MinSteps = 1
		}
		if p.MaxSteps == 0 {
			p.MaxSteps = 4 // all that the generator knows
		}
	}
	if s := r.Score; s != nil {
		if s.Signal.Kind == "" {
			s.Signal.Kind = "sampled" // unbiased, unlike topk
			if s.By != nil {
				s.Signal.Kind = "topk" // all that servers give
			}
		}
		if s.Signal.K == 0 {
			s.Signal.K = 12
		}
	}
	if c := r.Student.Cut; c != nil {
		if c.Choose == "" {
			c.Choose = "importance" // at four layers of five the best of all choices on the story model; at three level with spread
		}
		if c.Tokens == 0 {
			c.Tokens = 16384 // the order of the parts is settled long before
		}
	}
	if l := r.Student.LoRA; l != nil && l.Rank == 0 {
		l.Rank = 16 // the usual middle
	}
	if h := r.Train.Hidden; h != nil {
		if h.Factor == 0 {
			h.Factor = 1
		}
		if h.Distance == "" {
			h.Distance = "cosine" // the scale of hidden states grows with depth and differs between models
		}
	}
	if q := r.Train.QAT; q != nil {
		if q.Share == 0 {
			q.Share = 0.1 // the weights have only to settle on the grid
		}
		if q.Rate == 0 {
			q.Rate = 0.05 // on docs/results.md's stories KL of the Q4_0 file: 1.040 without the phase, 1.011 at 0.05, 1.015 at 0.1, 1.020 at 0.2, 1.04 at 0.4
		}
	}
	for i := range r.Select.Verify {
		if v := &r.Select.Verify[i]; v.Kind == "fuzzy" && v.Threshold == 0 {
			v.Threshold = 0.9 // one word in ten may differ
		}
	}
}
