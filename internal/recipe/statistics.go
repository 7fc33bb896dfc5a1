package recipe

import (
	"iter"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// Statistics of rows.
type Statistics struct {
	Rows             int              `json:"rows"`
	Prompts          int              `json:"prompts"`
	Heldout          int              `json:"heldout"` // prompts held out
	Teachers         map[string]int   `json:"teachers"`
	FinishReasons    map[string]int   `json:"finish_reasons"`
	PromptTokens     int64            `json:"prompt_tokens"`
	CompletionTokens int64            `json:"completion_tokens"`
	ReasoningTokens  int64            `json:"reasoning_tokens"`
	Length           Lengths          `json:"completion_length"`
	WithSignal       int              `json:"with_signal"`
	Verdicts         map[string]Tally `json:"verdicts"`
	CostUSD          float64          `json:"cost_usd"`

	lengths []int32
}

// Lengths of completions in tokens.
type Lengths struct {
	Median int32 `json:"median"`
	P90    int32 `json:"p90"`
	Max    int32 `json:"max"`
}

// Tally counts verdicts.
type Tally struct {
	Passed int `json:"passed"`
	Of     int `json:"of"`
}

// Measure counts rows. It holds a few bytes of each in memory, not the rows.
func Measure(rows iter.Seq2[distill.Row, error]) (*Statistics, error) {
	s := &Statistics{Teachers: map[string]int{}, FinishReasons: map[string]int{}, Verdicts: map[string]Tally{}}
	splits := map[string]distill.Split{}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		s.add(&row)
		splits[row.Prompt.ID] = row.Prompt.Split
	}
	s.Prompts = len(splits)
	for _, split := range splits {
		if split == distill.Heldout {
			s.Heldout++
		}
	}
	slices.Sort(s.lengths)
	if n := len(s.lengths); n > 0 {
		s.Length = Lengths{s.lengths[n/2], s.lengths[n*9/10], s.lengths[n-1]}
	}
	return s, nil
}

func (s *Statistics) add(row *distill.Row) {
	s.Rows++
	s.Teachers[row.Teacher]++
	s.FinishReasons[row.FinishReason]++
	s.PromptTokens += int64(row.PromptTokens)
	s.CompletionTokens += int64(row.CompletionTokens)
	s.ReasoningTokens += int64(row.ReasoningTokens)
	s.lengths = append(s.lengths, row.CompletionTokens)
	if row.Signal.Len() > 0 {
		s.WithSignal++
	}
	if row.CostUSD != nil {
		s.CostUSD += *row.CostUSD
	}
	for _, v := range row.Verdicts {
		t := s.Verdicts[v.Name]
		t.Of++
		if v.Pass {
			t.Passed++
		}
		s.Verdicts[v.Name] = t
	}
}
