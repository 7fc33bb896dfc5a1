package config

import "time"

// Train says how the student learns.
type Train struct {
	// Epochs over the data, when neither steps nor tokens is given.
	Epochs float64 `yaml:"epochs" jsonschema:"minimum=0"`
	// Steps of the optimizer; 0 to go by tokens or epochs.
	Steps int `yaml:"steps" jsonschema:"minimum=0"`
	// Tokens to be seen, prompts included; 0 to go by epochs.
	Tokens int64 `yaml:"tokens" jsonschema:"minimum=0"`
	// Time after which training stops where it is and the run goes on; 0 for no limit.
	Time time.Duration `yaml:"time"`
	// Batch is the number of sequences in one forward pass.
	Batch int `yaml:"batch" jsonschema:"minimum=1"`
	// Accumulate this many batches before each step of the optimizer.
	Accumulate int `yaml:"accumulate" jsonschema:"minimum=1"`
	// Seq is the length of a training sequence in tokens; short examples are packed into it. 0 for the student's context.
	Seq int `yaml:"seq" jsonschema:"minimum=0"`
	// Optimizer and its schedule.
	Optimizer Optimizer `yaml:"optimizer"`
	// Loss to be made small.
	Loss Loss `yaml:"loss"`
	// OnPolicy mixes answers of the student's own, judged by the teacher, into the data.
	OnPolicy OnPolicy `yaml:"on_policy"`
	// Precision of the matrix products. auto: bf16 where the machine multiplies it in hardware, else fp32.
	Precision string `yaml:"precision" jsonschema:"enum=auto,enum=fp32,enum=bf16"`
	// EvalEvery this many steps the held-out loss is measured, and the best weights are kept; 0 for a tenth of the run.
	EvalEvery int `yaml:"eval_every" jsonschema:"minimum=0"`
	// CheckpointEvery this many steps; what a crash costs. 0 for a tenth of the run.
	CheckpointEvery int `yaml:"checkpoint_every" jsonschema:"minimum=0"`
	// EMA is the decay of an average of the weights, which is then what is evaluated and exported; 0 for none.
	EMA float64 `yaml:"ema" jsonschema:"minimum=0,maximum=0.99999"`
	// Recompute activations in the backward pass instead of keeping them: less memory for a third more time, same bits. Left out, where keeping them would take more memory than there is.
	Recompute *bool `yaml:"recompute,omitempty" default:"as memory asks"`
	// Memory in MB that training may take; 0 for what is available when it begins. What will not fit is refused before anything is asked of a teacher.
	Memory int64 `yaml:"memory" jsonschema:"minimum=0"`
	// QAT adds a last phase in which the student learns under the rounding of the type that will be shipped.
	QAT *QAT `yaml:"qat,omitempty"`
	// Hidden pulls the student's hidden states to those of the teacher that runs along (loss.dense), through projections that are learnt with it and not exported.
	Hidden *Hidden `yaml:"hidden,omitempty"`
	// Keep this many checkpoints.
	Keep int `yaml:"keep" jsonschema:"minimum=1"`
	// LearnReasoning: the student learns the teacher's thinking too, not only its answers.
	LearnReasoning bool `yaml:"learn_reasoning"`
	// Seeds trains so many students that differ in their seed alone: this recipe's and those that follow it. The one with the least held-out loss is exported; the report has the mean and the spread of all.
	Seeds int `yaml:"seeds" jsonschema:"minimum=1,maximum=100"`
	// Control trains a second student for comparison, with the same steps. answers: on the answers alone, without the thinking.
	Control string `yaml:"control" jsonschema:"enum=none,enum=answers"`
}

// QAT is quantization-aware training, straight-through.
type QAT struct {
	// Type of block the weights are rounded to: q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, …
	Type string `yaml:"type" jsonschema:"required"`
	// Rate at which the phase begins, as a share of the peak learning rate; it falls by the same schedule.
	Rate float64 `yaml:"rate" jsonschema:"minimum=0,maximum=1"`
	// Share of the steps of training that are added.
	Share float64 `yaml:"share" jsonschema:"minimum=0,maximum=10"`
}

// Optimizer is how gradients become steps.
type Optimizer struct {
	// Kind of optimizer. muon: Muon for the matrices, AdamW for the rest.
	Kind string `yaml:"kind" jsonschema:"enum=adamw,enum=muon"`
	// LR is the peak learning rate of AdamW.
	LR float64 `yaml:"lr" jsonschema:"exclusiveMinimum=0"`
	// MuonLR is the peak learning rate of Muon's matrices.
	MuonLR float64 `yaml:"muon_lr" jsonschema:"exclusiveMinimum=0"`
	// WeightDecay, decoupled, of the matrices.
	WeightDecay float64 `yaml:"weight_decay" jsonschema:"minimum=0"`
	// Beta1 of AdamW.
	Beta1 float64 `yaml:"beta1" jsonschema:"minimum=0,maximum=1"`
	// Beta2 of AdamW.
	Beta2 float64 `yaml:"beta2" jsonschema:"minimum=0,maximum=1"`
	// Clip the gradient's norm to this; 0 for no clipping.
	Clip float64 `yaml:"clip" jsonschema:"minimum=0"`
	// Schedule of the learning rate after warm-up. wsd: flat, then linear to the final rate.
	Schedule string `yaml:"schedule" jsonschema:"enum=cosine,enum=linear,enum=wsd,enum=constant"`
	// Decay is the share of the steps in which the rate of wsd falls.
	Decay float64 `yaml:"decay" jsonschema:"exclusiveMinimum=0,maximum=1"`
	// Warmup is the share of steps in which the rate rises.
	Warmup float64 `yaml:"warmup" jsonschema:"minimum=0,maximum=1"`
	// Final learning rate as a share of the peak.
	Final float64 `yaml:"final" jsonschema:"minimum=0,maximum=1"`
}

// Loss compares the student with the teacher.
type Loss struct {
	// Kind of loss. ce: the teacher's text. The others compare distributions and need a signal. uld compares sorted probabilities, whatever their tokens; gold is forward_kl over the tokens that both know and uld over the rest.
	Kind string `yaml:"kind" jsonschema:"enum=ce,enum=forward_kl,enum=reverse_kl,enum=jsd,enum=skew_kl,enum=skew_reverse_kl,enum=tvd,enum=uld,enum=gold"`
	// Weight of the divergence; the rest, 1-weight, is cross-entropy.
	Weight float64 `yaml:"weight" jsonschema:"minimum=0,maximum=1"`
	// Temperature at which distributions are compared.
	Temperature float64 `yaml:"temperature" jsonschema:"exclusiveMinimum=0"`
	// Beta mixes teacher and student in jsd, and is the skew of the skew losses.
	Beta float64 `yaml:"beta" jsonschema:"minimum=0,maximum=1"`
	// Dense compares with the whole distribution of a local teacher that runs along in training, instead of a kept signal.
	Dense bool `yaml:"dense"`
	// LabelSmoothing of the cross-entropy.
	LabelSmoothing float64 `yaml:"label_smoothing" jsonschema:"minimum=0,maximum=1"`
}

// Hidden is the matching of hidden states.
type Hidden struct {
	// Factor of its distance, added to the loss.
	Factor float64 `yaml:"factor" jsonschema:"minimum=0"`
	// Distance between a projected state of the student and the teacher's. cosine: 1 minus it. mse: the mean square.
	Distance string `yaml:"distance" jsonschema:"enum=cosine,enum=mse"`
	// Layers of the teacher, from 0, one for each layer of the student in their order; none given for evenly spaced ones, the last to the last.
	Layers []int `yaml:"layers,omitempty"`
}
