package config

// Select says which answers are learnt.
type Select struct {
	// Verify lists the judgements made of every answer.
	Verify []Verifier `yaml:"verify,omitempty"`
	// Policy of choosing among a prompt's answers. all keeps every one; first, shortest, longest, best (by score) keep one, or per_prompt of them; mix keeps the longest of some prompts and the shortest of the others.
	Policy string `yaml:"policy" jsonschema:"enum=all,enum=first,enum=shortest,enum=longest,enum=best,enum=mix"`
	// MixLong is the share of prompts that keep their longest answer under mix.
	MixLong float64 `yaml:"mix_long" jsonschema:"minimum=0,maximum=1"`
	// Failing answers: drop them, or keep them when the verifiers are only to be reported.
	Failing string `yaml:"failing" jsonschema:"enum=drop,enum=keep"`
	// PerPrompt is the largest number of answers kept of one prompt; 0 for one, or all under the policy all.
	PerPrompt int `yaml:"per_prompt" jsonschema:"minimum=0"`
	// MinPassRate leaves out prompts of which a smaller share of answers passes: too hard. 0 bounds nothing.
	MinPassRate float64 `yaml:"min_pass_rate" jsonschema:"minimum=0,maximum=1"`
	// MaxPassRate leaves out prompts of which a greater share passes: too easy. 0 bounds nothing.
	MaxPassRate float64 `yaml:"max_pass_rate" jsonschema:"minimum=0,maximum=1"`
	// Unfinished answers, cut at the token limit: a student that learns from them learns never to stop.
	Unfinished string `yaml:"unfinished" jsonschema:"enum=drop,enum=keep"`
	// MaxTokens drops answers longer than this, thinking included; 0 keeps all. Small students learn better from short answers.
	MaxTokens int `yaml:"max_tokens" jsonschema:"minimum=0"`
	// Where keeps rows for which this expression is true: "completion_tokens < 200 && !(response contains 'sorry')".
	Where string `yaml:"where,omitempty"`
	// Dedup removes rows that repeat another word for word (exact), or nearly (near).
	Dedup string `yaml:"dedup" jsonschema:"enum=none,enum=exact,enum=near"`
	// Near is the similarity of three-word runs from which on two rows count as the same under near.
	Near float64 `yaml:"near" jsonschema:"minimum=0.1,maximum=1"`
	// Refusals removes answers that begin with a refusal, in English, Chinese, Spanish, French, German, Japanese, Russian or Portuguese.
	Refusals bool `yaml:"refusals"`
	// Repetition removes answers of which more than this share repeats itself; 0 keeps all.
	Repetition float64 `yaml:"repetition" jsonschema:"minimum=0,maximum=1"`
	// Scripts keeps answers whose letters are mostly of these Unicode scripts: [Latin].
	Scripts []string `yaml:"scripts,omitempty"`
	// Decontaminate removes rows that share a run of 13 words with a line of this text file: an evaluation set.
	Decontaminate string `yaml:"decontaminate,omitempty" path:"true"`
}

// Verifier is one judgement of an answer against its prompt's reference.
type Verifier struct {
	// Kind of check. number: the last number is the reference. exact: equal but for blanks. fuzzy: nearly equal. regex, json, expr, judge: see pattern, schema, expr, judge.
	Kind string `yaml:"kind" jsonschema:"required,enum=number,enum=exact,enum=fuzzy,enum=regex,enum=json,enum=expr,enum=judge"`
	// Pattern that the answer must match (regex).
	Pattern string `yaml:"pattern,omitempty"`
	// Schema that the answer must satisfy, as JSON (json).
	Schema string `yaml:"schema,omitempty"`
	// Expr that must be true (expr).
	Expr string `yaml:"expr,omitempty"`
	// Threshold of likeness between 0 and 1 (fuzzy).
	Threshold float64 `yaml:"threshold,omitempty" jsonschema:"minimum=0,maximum=1"`
	// Judge is another model's opinion (judge). It is asked about training answers that the other checks let pass.
	Judge *Judge `yaml:"judge,omitempty"`
}
