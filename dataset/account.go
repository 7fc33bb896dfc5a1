package dataset

import (
	"encoding/binary"
	"math"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/seed-d24fde5f/distill"
)

// Spent adds up what rows have cost. It is kept beside their ids, so that nobody reads a dataset to know it.
type Spent struct {
	Rows             int64
	PromptTokens     int64
	CompletionTokens int64
	Priced           int64 // rows with a price
	USD              float64
}

func (s Spent) plus(t Spent) Spent {
	return Spent{s.Rows + t.Rows, s.PromptTokens + t.PromptTokens, s.CompletionTokens + t.CompletionTokens, s.Priced + t.Priced, s.USD + t.USD}
}

// enter adds a row.
func (s *Spent) enter(row *distill.Row) {
	s.Rows++
	s.PromptTokens += int64(row.PromptTokens)
	s.CompletionTokens += int64(row.CompletionTokens)
	if row.CostUSD != nil {
		s.Priced++
		s.USD += *row.CostUSD
	}
}

const spentSize = 5 * 8

func (s Spent) append(b []byte) []byte {
	for _, v := range []uint64{uint64(s.Rows), uint64(s.PromptTokens), uint64(s.CompletionTokens), uint64(s.Priced), math.Float64bits(s.USD)} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// parseSpent reads the spentSize bytes that append wrote.
func parseSpent(b []byte) Spent {
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(b[8*i:]) }
	return Spent{int64(at(0)), int64(at(1)), int64(at(2)), int64(at(3)), math.Float64frombits(at(4))}
}

// account gathers from batches what the ledger keeps of their rows: the keys, and what they cost.
type account struct {
	keys  []key
	spent Spent
}

// add takes a batch in.
func (a *account) add(record arrow.Record) (err error) {
	defer recoverTo(&err)
	f := &columnFinder{record: record}
	ids, cost := find[*array.String](f, "id"), find[*array.Float64](f, "cost_usd")
	prompt, completion := find[*array.Int32](f, "prompt_tokens"), find[*array.Int32](f, "completion_tokens")
	if f.err != nil {
		return f.err
	}
	s := &a.spent
	for i := range ids.Len() {
		a.keys = append(a.keys, keyOf(ids.Value(i)))
		s.Rows++
		s.PromptTokens += int64(prompt.Value(i))
		s.CompletionTokens += int64(completion.Value(i))
		if cost.IsValid(i) {
			s.Priced++
			s.USD += cost.Value(i)
		}
	}
	return nil
}
