package dataset

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
)

func sequence(rows []distill.Row) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func TestStats(t *testing.T) {
	cost := 0.5
	rows := plain(0, 3)
	rows[1].Prompt.ID = rows[0].Prompt.ID
	rows[2].Prompt.Split = distill.Heldout
	rows[2].FinishReason = distill.FinishLength
	rows[0].CostUSD, rows[0].CompletionTokens, rows[0].Reasoning = &cost, 10, "hm"
	rows[0].Verdicts = []distill.Verdict{{Name: "number", Pass: true}}
	rows[1].Verdicts = []distill.Verdict{{Name: "number"}}
	s, err := StatsOf(sequence(rows))
	if err != nil || s.Rows != 3 || s.Train != 2 || s.Heldout != 1 || s.Prompts != 2 || s.Reasoned != 1 || s.Unfinished != 1 ||
		s.CostUSD != 0.5 || s.Priced != 1 || s.CompletionTokens != 10 || s.Verdicts["number"] != (Rate{1, 2}) ||
		s.Teachers["t"] != 3 || s.Lengths.Max != 10 || !s.First.Equal(rows[0].CreatedAt) || !s.Last.Equal(rows[2].CreatedAt) {
		t.Errorf("%+v %v", s, err)
	}
	wrong := errors.New("wrong")
	if _, err := StatsOf(func(yield func(distill.Row, error) bool) { yield(distill.Row{}, wrong) }); !errors.Is(err, wrong) {
		t.Error(err)
	}
}

// The nearest-rank quantile of a histogram is that of the sorted values.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(-5, 50), 1, 60).Draw(t, "values")
		histogram := make(map[int64]int)
		for _, v := range values {
			histogram[v]++
		}
		slices.Sort(values)
		rank := func(percent int) int64 { return values[(len(values)*percent+99)/100-1] }
		if got := quantiles(histogram, len(values)); got != (Quantiles{values[0], rank(50), rank(90), rank(99), values[len(values)-1]}) {
			t.Fatalf("%v of %v", got, values)
		}
	})
}

func TestCheck(t *testing.T) {
	if _, err := Check(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	dir := t.TempDir()
	d := open(t, dir, Options{Origin: Origin{Signal: distill.TopK}})
	check := func(want ...string) {
		t.Helper()
		problems, err := Check(dir)
		if err != nil || len(problems) != len(want) {
			t.Fatalf("%v %v", problems, err)
		}
		for i, p := range problems {
			if !strings.Contains(p.String(), want[i]) {
				t.Errorf("%v where %q was expected", p, want[i])
			}
		}
	}
	d.Append(context.Background(), plain(0, 5)...)
	check()
	d.Seal()
	check()
	bad := plain(5, 1)[0]
	bad.Prompt.Messages = nil
	bad.TokenIDs, bad.Signal = []int32{1}, &distill.Signal{Kind: distill.TopK}
	bad.Signal.Append([]int32{3, 3}, []float32{-1, -1})
	d.Append(context.Background(), bad)
	check("no messages", "position 0: token 3")
	d.Close()
	stream := filepath.Join(dir, streamName(1))
	b, _ := os.ReadFile(stream)
	os.WriteFile(stream, b[:len(b)-8], 0o644)
	os.WriteFile(filepath.Join(dir, "shard-00009.arrow"), nil, 0o644)
	check("unfinished write", "shard-00009.arrow: not listed")
	shard := filepath.Join(dir, shardName(0))
	b, _ = os.ReadFile(shard)
	b[len(b)/2] ^= 1
	os.WriteFile(shard, b, 0o644)
	check("checksum", "unfinished write", "not listed")
}
