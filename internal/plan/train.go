package plan

import (
	"context"

	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// Train is what training will take.
type Train struct {
	Examples     int               `json:"examples"`
	Steps        int               `json:"steps"`
	Tokens       int64             `json:"tokens"`
	TokensPerS   float64           `json:"tokens_per_s"` // measured on this machine, at this shape
	Seconds      float64           `json:"seconds"`
	MemoryBytes  int64             `json:"memory_bytes"`
	Footprint    student.Footprint `json:"footprint"`
	Recompute    bool              `json:"recompute"`              // activations are computed again in the backward pass
	Beside       int64             `json:"beside_bytes,omitempty"` // models in the process beside the student
	Checkpoints  int64             `json:"checkpoint_bytes"`
	LearntTokens int64             `json:"learnt_tokens"`
}

// benchLimit is the size above which a plan does not time a training step: it would itself take minutes and gigabytes.
const benchLimit = 200e6

// planTrain estimates steps, time and memory. The speed is measured, on random tokens of the recipe's shape.
func (p *planner) planTrain(ctx context.Context) error {
	t, train := &p.Train, &p.recipe.Train
	length := train.Sequence(p.shape.Context)
	p.countTokens()
	perBatch := int64(train.Batch) * int64(length)
	perEpoch := int((t.Tokens + perBatch - 1) / perBatch)
	t.Steps = train.StepsOf(max(1, perEpoch), length)
	t.Tokens = int64(t.Steps) * int64(train.Accumulate) * perBatch
	memory, err := MemoryOf(p.recipe, p.shape)
	if err != nil {
		return err
	}
	t.Recompute = memory.Recompute()
	t.Footprint, t.Beside = memory.footprint(train, p.recipe.Student.LoRA, t.Recompute), memory.beside.bytes
	t.MemoryBytes = t.Footprint.Total() + t.Beside
	p.refusal = memory.Check()
	t.Checkpoints = int64(train.Keep+1) * t.Footprint.Gradients * 3 // of each learnt weight its value and two moments
	if p.opts.NoBench || p.shape.Params() > benchLimit {
		return nil
	}
	speed, err := workbench.MeasureStudent(ctx, p.shape, workbench.TrainingShape{Seq: length, Batch: train.Batch, Steps: 3, Threads: p.opts.Threads,
		BF16: Precision(train) == "bf16", Muon: train.Optimizer.Kind == "muon"})
	if err != nil {
		return err
	}
	t.TokensPerS = speed.MeanTokensPerS
	alone := float64(t.Tokens) / t.TokensPerS
	t.Seconds = float64(train.Seeds) * memory.beside.work * alone
	if train.Control != "none" {
		t.Seconds += alone
	}
	if q := train.QAT; q != nil {
		t.Seconds += q.Share * alone
	}
	return nil
}

// countTokens estimates the tokens of one epoch: those of the wanted rows' prompts and answers, in the teacher's tokens.
func (p *planner) countTokens() {
	t, g, known := &p.Train, &p.Generate, &p.known.Answers
	all := g.PromptTokens.Likely + g.CompletionTokens.Likely
	if known.Rows > 0 {
		all += known.Prompt.Sum + known.Answer.Sum
	}
	trained := p.recipe.Teacher.Samples * (p.Prompts - p.Heldout)
	if s := &p.recipe.Select; s.Policy != "all" || s.PerPrompt > 0 {
		trained = min(trained, max(1, s.PerPrompt)*(p.Prompts-p.Heldout))
	}
	t.Examples = trained
	t.Tokens = int64(all * float64(trained) / float64(max(1, g.Rows)))
	t.LearntTokens = int64((g.CompletionTokens.Likely + known.Answer.Sum) * float64(trained) / float64(max(1, g.Rows)))
}
