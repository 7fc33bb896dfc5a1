package dataset

import (
	"iter"
	"slices"
	"time"

	"github.com/seed-d24fde5f/distill"
)

// Stats describes rows.
type Stats struct {
	Rows       int `json:"rows"`
	Train      int `json:"train"`
	Heldout    int `json:"heldout"`
	Prompts    int `json:"prompts"` // distinct
	Reasoned   int `json:"reasoned"`
	Unfinished int `json:"unfinished"` // cut at the token limit

	PromptTokens     int64   `json:"prompt_tokens"`
	CompletionTokens int64   `json:"completion_tokens"`
	ReasoningTokens  int64   `json:"reasoning_tokens"`
	CostUSD          float64 `json:"cost_usd"` // of the rows that have a price
	Priced           int     `json:"priced"`

	WithTokens      int   `json:"with_tokens"` // rows with token ids
	WithSignal      int   `json:"with_signal"`
	SignalPositions int64 `json:"signal_positions"`
	SignalEntries   int64 `json:"signal_entries"`

	Lengths       Quantiles       `json:"lengths"` // of completions, in tokens
	LatencyMS     Quantiles       `json:"latency_ms"`
	Teachers      map[string]int  `json:"teachers"`
	FinishReasons map[string]int  `json:"finish_reasons"`
	Verdicts      map[string]Rate `json:"verdicts"`

	First time.Time `json:"first"` // when the oldest row was made
	Last  time.Time `json:"last"`
}

// Rate counts verdicts of one name.
type Rate struct {
	Passed int `json:"passed"`
	Total  int `json:"total"`
}

// Quantiles of a distribution of whole numbers; exact.
type Quantiles struct {
	Min    int64 `json:"min"`
	Median int64 `json:"median"`
	P90    int64 `json:"p90"`
	P99    int64 `json:"p99"`
	Max    int64 `json:"max"`
}

// StatsOf reads all rows and describes them. Memory is 16 bytes a prompt and a little for each distinct length.
func StatsOf(rows iter.Seq2[distill.Row, error]) (Stats, error) {
	s := Stats{Teachers: map[string]int{}, FinishReasons: map[string]int{}, Verdicts: map[string]Rate{}}
	prompts := make(map[key]struct{})
	lengths, latencies := make(map[int64]int), make(map[int64]int)
	for row, err := range rows {
		if err != nil {
			return s, err
		}
		s.add(&row)
		prompts[keyOf(row.Prompt.ID)] = struct{}{}
		lengths[int64(row.CompletionTokens)]++
		latencies[row.Latency.Milliseconds()]++
	}
	s.Prompts = len(prompts)
	s.Lengths, s.LatencyMS = quantiles(lengths, s.Rows), quantiles(latencies, s.Rows)
	return s, nil
}

func (s *Stats) add(row *distill.Row) {
	count := func(n *int, yes bool) {
		if yes {
			*n++
		}
	}
	s.Rows++
	count(&s.Train, row.Prompt.Split == distill.Train)
	count(&s.Heldout, row.Prompt.Split == distill.Heldout)
	count(&s.Reasoned, row.Reasoning != "")
	count(&s.Unfinished, row.FinishReason == distill.FinishLength)
	count(&s.WithTokens, row.TokenIDs != nil)
	count(&s.WithSignal, row.Signal != nil)
	s.PromptTokens += int64(row.PromptTokens)
	s.CompletionTokens += int64(row.CompletionTokens)
	s.ReasoningTokens += int64(row.ReasoningTokens)
	if row.CostUSD != nil {
		s.CostUSD += *row.CostUSD
		s.Priced++
	}
	if row.Signal != nil {
		s.SignalPositions += int64(row.Signal.Len())
		s.SignalEntries += int64(len(row.Signal.IDs))
	}
	s.Teachers[row.Teacher]++
	s.FinishReasons[row.FinishReason]++
	for _, v := range row.Verdicts {
		rate := s.Verdicts[v.Name]
		rate.Total++
		count(&rate.Passed, v.Pass)
		s.Verdicts[v.Name] = rate
	}
	if s.First.IsZero() || row.CreatedAt.Before(s.First) {
		s.First = row.CreatedAt
	}
	if row.CreatedAt.After(s.Last) {
		s.Last = row.CreatedAt
	}
}

// quantiles takes a histogram of total values apart: the q-quantile is the least value that is not below a share q of
// all (the nearest-rank definition).
func quantiles(histogram map[int64]int, total int) (q Quantiles) {
	if total == 0 {
		return q
	}
	values := make([]int64, 0, len(histogram))
	for v := range histogram {
		values = append(values, v)
	}
	slices.Sort(values)
	at := func(percent int) int64 {
		rank, seen := (total*percent+99)/100, 0
		for _, v := range values {
			if seen += histogram[v]; seen >= rank {
				return v
			}
		}
		return values[len(values)-1]
	}
	return Quantiles{values[0], at(50), at(90), at(99), values[len(values)-1]}
}
