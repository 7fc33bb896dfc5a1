package config

// Recipe is a whole run.
type Recipe struct {
	// Name of the run; its folder is runs/NAME unless --dir says otherwise.
	Name string `yaml:"name" jsonschema:"required,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$"`
	// Description says in a line what the run is for; `recipes ls` shows it.
	Description string `yaml:"description,omitempty"`
	// Seed of everything that is drawn: problems, sampling, initial weights, batch order.
	Seed uint64 `yaml:"seed"`

	Prompts   Prompts   `yaml:"prompts" jsonschema:"required"`
	Teacher   Teacher   `yaml:"teacher" jsonschema:"required"`
	Score     *Score    `yaml:"score,omitempty"`
	Select    Select    `yaml:"select"`
	Tokenizer Tokenizer `yaml:"tokenizer"`
	Student   Student   `yaml:"student"`
	Train     Train     `yaml:"train"`
	Export    Export    `yaml:"export"`
	Eval      Eval      `yaml:"eval"`
	Report    Report    `yaml:"report"`
}

// Report says what the report shows.
type Report struct {
	// Samples of teacher and student side by side.
	Samples int `yaml:"samples" jsonschema:"minimum=0,maximum=1000"`
}
