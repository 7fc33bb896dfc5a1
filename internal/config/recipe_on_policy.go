package config

// OnPolicy lets the student write answers to the run's training prompts itself, and the teacher say at every token how it
// would have gone on: generalised knowledge distillation (GKD, arXiv:2306.13649). The student so learns to go on from its
// own mistakes, which a stored dataset never shows it. It needs a teacher that knows the student's tokens.
type OnPolicy struct {
	// Share of the batches that hold the student's own answers, GKD's lambda, once the ramp is over; 0 for none.
	Share float64 `yaml:"share" jsonschema:"minimum=0,maximum=1"`
	// Start is the share of the steps before the first such batch.
	Start float64 `yaml:"start" jsonschema:"minimum=0,maximum=1"`
	// Ramp is the share of the steps in which the share of batches then rises to its value.
	Ramp float64 `yaml:"ramp" jsonschema:"minimum=0,maximum=1"`
	// Every so many steps the student writes anew, with the weights it has by then.
	Every int `yaml:"every" jsonschema:"minimum=1"`
	// Temperature at which the student writes.
	Temperature float64 `yaml:"temperature" jsonschema:"minimum=0"`
	// MaxTokens of an answer; 0 for the teacher's limit. What does not fit a training sequence is cut in any case.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=0"`
	// Loss on these batches, whatever train.loss says about the others.
	Loss string `yaml:"loss" jsonschema:"enum=forward_kl,enum=reverse_kl,enum=jsd,enum=skew_kl,enum=skew_reverse_kl,enum=tvd"`
	// Beta mixes teacher and student in jsd, and is the skew of the skew losses.
	Beta float64 `yaml:"beta" jsonschema:"minimum=0,maximum=1"`
	// K of the teacher's likeliest tokens are compared at each position, the rest as one; 0 for its whole distribution, which takes weights on this machine.
	K int `yaml:"k" jsonschema:"minimum=0"`
}
