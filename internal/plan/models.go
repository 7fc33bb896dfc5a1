package plan

import (
	"strings"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// Scratch is the origin of a student that begins with random weights.
const Scratch = "scratch"

// Models are the MODEL arguments that a recipe comes down to.
type Models struct {
	Teacher    string // the weights in this process whose distribution is the teacher's; "" for none
	Vocabulary string // whose tokens a signal is over, with weights here or elsewhere; "" for none
	Origin     string // what the student starts from, or Scratch
	Tokenizer  string // whose tokenizer the student takes; "" when one is trained
}

// ModelsOf returns the models of a recipe.
func ModelsOf(r *config.Recipe) Models {
	var m Models
	switch t := &r.Teacher; {
	case r.Score != nil && r.Score.By != nil:
	case r.Score != nil:
		m.Teacher = r.Score.Model
	case t.Kind == "local" || t.Kind == "builtin":
		m.Teacher = ModelOf(t)
	}
	m.Vocabulary = m.Teacher
	if r.Score != nil {
		m.Vocabulary = r.Score.Model
	}
	if m.Origin = r.Student.From; m.Origin == "teacher" {
		m.Origin = m.Teacher
	}
	switch m.Tokenizer = r.Tokenizer.From; m.Tokenizer {
	case "train":
		m.Tokenizer = ""
	case "teacher":
		m.Tokenizer = m.Vocabulary
	}
	if m.Origin != Scratch {
		m.Tokenizer = m.Origin
	}
	return m
}

// ModelOf returns the MODEL argument of a teacher that runs here.
func ModelOf(t *config.Teacher) string {
	if t.Kind == "builtin" && !strings.HasPrefix(t.Model, workbench.BuiltinPrefix) {
		return workbench.BuiltinPrefix + t.Model
	}
	return t.Model
}

// Shares reports whether a vocabulary is the one that the rows' token ids are in.
func (m Models) Shares(tok *tokenizer.Tokenizer) (bool, error) {
	if m.Vocabulary == "" {
		return false, nil
	}
	t, _, err := workbench.OpenTokenizer(m.Vocabulary)
	if err != nil {
		return false, err
	}
	return t.Hash() == tok.Hash(), nil
}

// Shape finds out the shape of the recipe's student.
func (m Models) Shape(r *config.Recipe) (cfg model.Config, err error) {
	if m.Origin == Scratch {
		vocabulary := r.Tokenizer.Size
		if m.Tokenizer != "" {
			tok, _, err := workbench.OpenTokenizer(m.Tokenizer)
			if err != nil {
				return cfg, err
			}
			vocabulary = tok.Size()
		}
		cfg = ScratchShape(&r.Student, vocabulary)
		return cfg, cfg.Validate()
	}
	from, err := workbench.Open(m.Origin)
	if err != nil {
		return cfg, err
	}
	defer from.Close()
	if cfg, err = CutOf(r.Student.Cut).Shape(from.Config); err != nil {
		return cfg, hint.Errorf("distill model inspect shows the model's shape", "student.cut: %w", err)
	}
	cfg.RopeInterleaved = false
	return cfg, cfg.Validate()
}

// ScratchShape is the shape of a student from scratch: a Llama.
func ScratchShape(s *config.Student, vocabulary int) model.Config {
	kv := s.KVHeads
	if kv == 0 {
		kv = s.Heads
	}
	return model.Config{
		Arch: model.Llama, Vocab: vocabulary, Context: s.Context, Width: s.Width, FFN: s.FFN, Layers: s.Layers,
		Heads: s.Heads, KVHeads: kv, HeadDim: s.Width / s.Heads, RopeTheta: s.RopeTheta, NormEps: 1e-5, TiedEmbeddings: s.Tied,
	}
}

// CutOf translates a recipe's cut; nil cuts nothing.
func CutOf(c *config.Cut) student.Cut {
	if c == nil {
		return student.Cut{}
	}
	return student.Cut{Layers: c.Layers, Keep: c.Keep, By: student.LayerChoice(c.Choose), Width: c.Width, FFN: c.FFN, Heads: c.Heads, KVHeads: c.KVHeads}
}

// Precision returns bf16 or fp32: the recipe's, or for auto the one that this machine is fastest at.
func Precision(t *config.Train) string {
	if t.Precision != "auto" {
		return t.Precision
	}
	if kernel.DefaultPrecision() == kernel.BF16 {
		return "bf16"
	}
	return "fp32"
}
