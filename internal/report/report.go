// Package report turns what a run measured into something to read: report.json for programs, report.md for a terminal
// or a repository, report.html for a person.
//
// [Report] is the whole of it, a plain value whose JSON field names are fixed (docs/formats.md). The stages of a run fill
// it in; [Write] renders the three files. The package measures nothing and decides one thing, the verdict ([Judge]):
// whether the student became better than it was, and what its quantization cost.
//
//	r := &report.Report{Name: "quickstart", Models: models}
//	r.Verdict = report.Judge(r.Models, gates)
//	err := report.Write(dir, r)
package report

import "time"

// SchemaVersion is the version of report.json. A field is added without raising it; a changed or removed one raises it.
const SchemaVersion = 1

// Report is the content of report.json.
type Report struct {
	Version  int       `json:"version"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	Program  string    `json:"program"` // name and version of the program that wrote it
	Seed     uint64    `json:"seed"`
	Machine  Machine   `json:"machine"`
	Verdict  Verdict   `json:"verdict"`
	Models   []Model   `json:"models"`
	Pairs    []Pair    `json:"pairs,omitempty"` // the student against the others, on the same prompts
	Seeds    *Seeds    `json:"seeds,omitempty"` // where several students were trained
	Dataset  Dataset   `json:"dataset"`
	Training Training  `json:"training"`
	Stages   []Stage   `json:"stages"`
	Samples  []Sample  `json:"samples"`
	Commands []string  `json:"commands"` // what to type to do it again
	Recipe   string    `json:"recipe"`   // the resolved recipe, YAML
}

// Machine is where the run happened.
type Machine struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	CPU     string `json:"cpu"`
	Threads int    `json:"threads"`
	Kernel  string `json:"kernel"` // the instruction set the arithmetic used
}

// Role is the part a model played in the run.
type Role string

// The roles. Untouched is the student before training; Control is the same student trained in another way at equal
// tokens, for comparison; Export is a file that leaves the run.
const (
	Teacher   Role = "teacher"
	Untouched Role = "untouched"
	Student   Role = "student"
	Control   Role = "control"
	Seed      Role = "seed" // a student of another seed than the one that was exported
	Export    Role = "export"
)

// Model is what was measured of one model. A nil pointer means it was not or could not be measured.
type Model struct {
	Role             Role     `json:"role"`
	Name             string   `json:"name"`
	File             string   `json:"file,omitempty"` // relative to the run directory
	Format           string   `json:"format,omitempty"`
	Parameters       int64    `json:"parameters"`
	Bytes            int64    `json:"bytes"`
	BitsPerWeight    float64  `json:"bits_per_weight"`
	ExactMatch       *Rate    `json:"exact_match,omitempty"`
	Perplexity       *float64 `json:"perplexity,omitempty"`      // of the reference completions
	KLToTeacher      *float64 `json:"kl_to_teacher,omitempty"`   // mean over completion tokens of KL(teacher‖model), nats
	KLOnOwn          *float64 `json:"kl_on_own,omitempty"`       // mean of KL(model‖teacher) over tokens of answers that the model drew itself, nats
	TopOneAgreement  *float64 `json:"top_1_agreement,omitempty"` // share of tokens where both put the same one first
	PrefillTokensPS  *float64 `json:"prefill_tokens_per_s,omitempty"`
	DecodeTokensPS   *float64 `json:"decode_tokens_per_s,omitempty"`
	PeakRSSBytes     *int64   `json:"peak_rss_bytes,omitempty"`
	Seed             *uint64  `json:"seed,omitempty"`        // of a student, where several were trained
	MeasuredOn       string   `json:"measured_on,omitempty"` // a device other than the machine of the run
	EvaluatedPrompts int      `json:"evaluated_prompts"`
	EvaluatedTokens  int64    `json:"evaluated_tokens"`
}

// Rate is a share of successes with its 95 % Wilson interval.
type Rate struct {
	Passed int     `json:"passed"`
	Of     int     `json:"of"`
	Value  float64 `json:"value"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// Verdict is the answer to "was it worth it".
type Verdict struct {
	Outcome  Outcome `json:"outcome"`
	Sentence string  `json:"sentence"`
	Gates    []Gate  `json:"gates"`
}

// Outcome says how the trained student compares with the untouched one.
type Outcome string

// The outcomes. Unclear: the intervals overlap and no other measure decides.
const (
	Better  Outcome = "better"
	Worse   Outcome = "worse"
	Unclear Outcome = "unclear"
	Unknown Outcome = "unknown" // not measured
)

// Gate is a condition of the recipe and whether it held.
type Gate struct {
	Name   string `json:"name"`
	Pass   bool   `json:"pass"`
	Detail string `json:"detail"`
}

// Dataset is what the student learnt from.
type Dataset struct {
	Teacher          string         `json:"teacher"`
	Signal           string         `json:"signal"`
	Prompts          int            `json:"prompts"`
	Heldout          int            `json:"heldout"`
	Rows             int            `json:"rows"`
	Kept             int            `json:"kept"`
	Dropped          map[string]int `json:"dropped"` // by reason
	PassRate         *Rate          `json:"pass_rate,omitempty"`
	PromptTokens     int64          `json:"prompt_tokens"`
	CompletionTokens int64          `json:"completion_tokens"`
	ReasoningTokens  int64          `json:"reasoning_tokens"`
	LengthHistogram  []Bin          `json:"length_histogram"` // completion tokens a row
	Bytes            int64          `json:"bytes"`
	CostUSD          *float64       `json:"cost_usd,omitempty"`
	Spent            []Spent        `json:"spent,omitempty"` // over time
}

// Spent is what had been answered, and paid, some time after the first answer.
type Spent struct {
	Seconds float64 `json:"seconds"`
	Rows    int     `json:"rows"`
	USD     float64 `json:"usd"`
}

// Bin counts the values v with From ≤ v < To.
type Bin struct {
	From  float64 `json:"from"`
	To    float64 `json:"to"`
	Count int     `json:"count"`
}

// Training is how the student learnt.
type Training struct {
	Start       string  `json:"start,omitempty"` // where the student came from, in words
	Optimizer   string  `json:"optimizer"`
	Precision   string  `json:"precision"`
	Loss        string  `json:"loss"`
	Steps       int     `json:"steps"`
	Tokens      int64   `json:"tokens"`
	FirstLoss   float64 `json:"first_loss"`
	FinalLoss   float64 `json:"final_loss"`
	BestStep    int     `json:"best_step,omitempty"`
	TokensPerS  float64 `json:"tokens_per_s"` // mean over the run
	PeakRSS     int64   `json:"peak_rss_bytes,omitempty"`
	SkippedStep int     `json:"skipped_steps,omitempty"`
	Curve       []Point `json:"curve"`
}

// Point is one line of the training curve. HeldoutLoss is nil where it was not evaluated, Divergence where the loss has none.
type Point struct {
	Step         int      `json:"step"`
	Tokens       int64    `json:"tokens"`
	Loss         float64  `json:"loss"`
	HeldoutLoss  *float64 `json:"heldout_loss,omitempty"`
	Divergence   *float64 `json:"divergence,omitempty"` // from the teacher's distribution, as the loss measures it; nats a token
	LearningRate float64  `json:"learning_rate"`
	GradNorm     float64  `json:"grad_norm"`
	TokensPerS   float64  `json:"tokens_per_s"`
}

// Stage is how one stage went.
type Stage struct {
	Name       string   `json:"name"`
	State      string   `json:"state"` // done, skipped, reused
	Seconds    float64  `json:"seconds"`
	CPUSeconds float64  `json:"cpu_seconds,omitempty"` // of all processors together
	Calls      int64    `json:"calls,omitempty"`
	Tokens     int64    `json:"tokens,omitempty"`
	CostUSD    *float64 `json:"cost_usd,omitempty"`
	Note       string   `json:"note,omitempty"`
}

// Sample puts teacher and student side by side on one held-out prompt.
type Sample struct {
	Kind         SampleKind `json:"kind"`
	Prompt       string     `json:"prompt"`
	Reference    string     `json:"reference,omitempty"`
	Teacher      string     `json:"teacher"`
	Student      string     `json:"student"`
	TeacherRight *bool      `json:"teacher_right,omitempty"`
	StudentRight *bool      `json:"student_right,omitempty"`
	MeanNats     *float64   `json:"mean_nats,omitempty"` // the student's mean −log p of its own tokens
}

// SampleKind says why a sample is shown.
type SampleKind string

// The kinds of sample.
const (
	SampleRight     SampleKind = "right"
	SampleWrong     SampleKind = "wrong"
	SampleUncertain SampleKind = "uncertain"
	SampleAny       SampleKind = "any" // there was no reference to compare with
)
