package distill

import (
	"encoding/json"
	"time"
)

// Token is the id of a vocabulary entry, 0 ≤ id < vocabulary size.
type Token = int32

// Roles of a [Message], as every chat API names them.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Split says what a prompt is used for.
type Split string

// The two splits. A prompt's split is decided by a hash of its id, so adding prompts never moves one.
const (
	Train   Split = "train"
	Heldout Split = "heldout"
)

// Prompt is one question as it will be asked.
type Prompt struct {
	ID        string          `json:"id"`
	Split     Split           `json:"split"`
	Messages  []Message       `json:"messages"`
	Reference string          `json:"reference,omitempty"` // expected final answer; empty when there is none
	Meta      json.RawMessage `json:"meta,omitempty"`      // the prompt's own fields, a JSON object; nil when there are none
}

// Sampling says how tokens are drawn from a model's distribution. The zero value is greedy decoding without a
// length limit of its own.
type Sampling struct {
	Temperature       float64  `json:"temperature"`        // 0 is greedy
	TopP              float64  `json:"top_p"`              // nucleus mass in (0,1]; 0 means 1
	TopK              int      `json:"top_k"`              // 0 means all
	MinP              float64  `json:"min_p"`              // relative to the most likely token, in [0,1)
	RepetitionPenalty float64  `json:"repetition_penalty"` // 0 and 1 mean none
	MaxTokens         int      `json:"max_tokens"`         // of the completion, reasoning included; 0 means the context's rest
	Stop              []string `json:"stop,omitempty"`     // texts that end the completion and are not part of it
	Seed              uint64   `json:"seed"`
}

// Reasons why a completion ended, as the OpenAI API names them.
const (
	FinishStop   = "stop"   // the end token or a stop text
	FinishLength = "length" // the token limit
)

// SignalKind says what of the teacher's distribution is kept.
type SignalKind string

// Kinds of signal. TopK keeps the K most likely tokens with their log-probabilities and is biased; Sampled keeps K
// draws and is unbiased (Sparse Logit Sampling, arXiv:2503.16870).
const (
	NoSignal SignalKind = "none"
	TopK     SignalKind = "topk"
	Sampled  SignalKind = "sampled"
)

// SignalSpec asks for a signal of K entries a position.
type SignalSpec struct {
	Kind SignalKind `json:"kind"`
	K    int        `json:"k"`
}

// Signal holds, for each position of a completion, entries of the teacher's distribution over the vocabulary
// before any temperature, in compressed sparse rows: the entries of position i are
// IDs[Ends[i-1]:Ends[i]] with the natural-log probabilities at the same indices (Ends[-1] counts as 0). In a row ids
// are distinct. For TopK, probabilities fall and sum to at most 1; the rest is the tail. For Sampled, they are
// log(count/K) and sum to 1, and the order of a row means nothing.
type Signal struct {
	Kind     SignalKind
	Ends     []int32
	IDs      []Token
	Logprobs []float32
}

// Len returns the number of positions.
func (s *Signal) Len() int {
	if s == nil {
		return 0
	}
	return len(s.Ends)
}

// At returns the entries of position i; the slices alias the signal.
func (s *Signal) At(i int) ([]Token, []float32) {
	var start int32
	if i > 0 {
		start = s.Ends[i-1]
	}
	return s.IDs[start:s.Ends[i]], s.Logprobs[start:s.Ends[i]]
}

// Append adds a position with the given entries, which are copied.
func (s *Signal) Append(ids []Token, logprobs []float32) {
	s.IDs = append(s.IDs, ids...)
	s.Logprobs = append(s.Logprobs, logprobs...)
	s.Ends = append(s.Ends, int32(len(s.IDs)))
}

// Completion is what a teacher answered.
type Completion struct {
	Teacher          string // who answered: the model's name as the teacher gives it
	Reasoning        string // the thinking, without its tags; empty when there is none
	Response         string // the answer
	FinishReason     string // FinishStop, FinishLength, or the server's own word
	PromptTokens     int32
	CompletionTokens int32 // reasoning included
	ReasoningTokens  int32
	CostUSD          *float64 // nil when no price is known
	Latency          time.Duration

	// What follows is nil unless it was asked for and the teacher can give it. TokenIDs are the completion in the
	// teacher's vocabulary, reasoning and end token included, exactly as drawn; the others go position by position.
	TokenIDs      []Token
	TokenLogprobs []float32
	Signal        *Signal
}

// Verdict is one judgement of a completion.
type Verdict struct {
	Name   string
	Pass   bool
	Score  float32
	Detail string
}

// Row is one line of a dataset: a prompt, one of the completions it got, and what was made of it.
type Row struct {
	ID        string // hash of prompt id, sample index, teacher and sampling: the key of the ledger
	Prompt    Prompt
	Sample    int32 // 0…n-1
	CreatedAt time.Time
	Verdicts  []Verdict
	Completion
}
