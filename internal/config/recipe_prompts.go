package config

// Prompts says what is asked. Exactly one of file, list and problems is given.
type Prompts struct {
	// File is a JSONL file, one object a line, with `messages`, or `prompt`, or the fields that template uses.
	File string `yaml:"file,omitempty" path:"true"`
	// List holds the prompts themselves.
	List []string `yaml:"list,omitempty"`
	// Problems makes arithmetic word problems with a known answer.
	Problems *Problems `yaml:"problems,omitempty"`
	// Template makes the user's message from a line's fields, in Go's text/template notation: "{{.question}}".
	Template string `yaml:"template,omitempty"`
	// System is the system message put before every prompt; empty for none.
	System string `yaml:"system,omitempty"`
	// Reference says where a line keeps the expected answer.
	Reference *Reference `yaml:"reference,omitempty"`
	// ID is the field that identifies a line; without it the identity is a hash of the messages.
	ID string `yaml:"id,omitempty"`
	// Grow makes more prompts out of these.
	Grow *Grow `yaml:"grow,omitempty"`
	// Format is how messages become text. chat: the model's chat template. raw: the bare text, to be continued, for base models.
	Format string `yaml:"format" jsonschema:"enum=chat,enum=raw"`
	// Limit is the largest number of prompts taken from the source; 0 takes all.
	Limit int `yaml:"limit" jsonschema:"minimum=0"`
	// Heldout is the share of prompts that is never trained on; decided by a hash of each, so it is stable.
	Heldout float64 `yaml:"heldout" jsonschema:"minimum=0,maximum=0.9"`
}

// Problems makes prompts by code: word problems of one to four calculations. prompts.heldout is their held-out share.
type Problems struct {
	// Count of problems in all.
	Count int `yaml:"count" jsonschema:"minimum=1"`
	// MinSteps is the least number of calculations in a problem.
	MinSteps int `yaml:"min_steps" jsonschema:"minimum=1,maximum=4"`
	// MaxSteps is the greatest number of calculations in a problem.
	MaxSteps int `yaml:"max_steps" jsonschema:"minimum=1,maximum=4"`
}

// Reference is the rule that takes an expected answer from a line's field.
type Reference struct {
	// Field of the line.
	Field string `yaml:"field" jsonschema:"required"`
	// After keeps what follows the last occurrence of this text ("####" for GSM8K).
	After string `yaml:"after,omitempty"`
	// Pattern keeps the first group (or the whole) of the last match of this regular expression.
	Pattern string `yaml:"pattern,omitempty"`
}
