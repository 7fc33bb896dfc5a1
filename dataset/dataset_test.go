package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
)

// aRow draws a row that survives the way to the disk and back: valid UTF-8, whole microseconds and milliseconds,
// log-probabilities that binary16 holds.
func aRow(t *rapid.T, kind distill.SignalKind) distill.Row {
	text := rapid.StringOfN(rapid.Rune(), 0, 12, -1)
	row := distill.Row{ID: rapid.StringN(1, 20, -1).Draw(t, "id"), Sample: rapid.Int32().Draw(t, "sample")}
	row.Prompt = distill.Prompt{ID: text.Draw(t, "prompt id"), Split: distill.Train, Reference: text.Draw(t, "reference")}
	if rapid.Bool().Draw(t, "meta") {
		b, _ := json.Marshal(map[string]string{text.Draw(t, "key"): text.Draw(t, "value"), "reference": "own"})
		row.Prompt.Meta = b
	}
	for range rapid.IntRange(0, 3).Draw(t, "messages") {
		row.Prompt.Messages = append(row.Prompt.Messages, distill.Message{Role: distill.RoleUser, Content: text.Draw(t, "content")})
	}
	for range rapid.IntRange(0, 2).Draw(t, "verdicts") {
		row.Verdicts = append(row.Verdicts, distill.Verdict{Name: text.Draw(t, "name"), Pass: rapid.Bool().Draw(t, "pass"),
			Score: rapid.Float32().Draw(t, "score"), Detail: text.Draw(t, "detail")})
	}
	row.CreatedAt = time.UnixMicro(rapid.Int64Range(0, 1<<52).Draw(t, "time")).UTC()
	row.Completion = distill.Completion{Teacher: text.Draw(t, "teacher"), Reasoning: text.Draw(t, "reasoning"),
		Response: text.Draw(t, "response"), FinishReason: distill.FinishStop, PromptTokens: rapid.Int32().Draw(t, "n"),
		CompletionTokens: 3, ReasoningTokens: 2, Latency: time.Duration(rapid.Int32Range(0, 1<<30).Draw(t, "ms")) * time.Millisecond}
	if rapid.Bool().Draw(t, "priced") {
		cost := rapid.Float64().Draw(t, "cost")
		row.CostUSD = &cost
	}
	if !rapid.Bool().Draw(t, "tokens") {
		return row
	}
	row.TokenIDs = append([]distill.Token{}, rapid.SliceOfN(rapid.Int32(), 0, 5).Draw(t, "ids")...)
	row.TokenLogprobs = make([]float32, len(row.TokenIDs))
	if kind == distill.NoSignal {
		return row
	}
	row.Signal = &distill.Signal{Kind: kind, Ends: []int32{}}
	for range row.TokenIDs {
		ids := rapid.SliceOfNDistinct(rapid.Int32Min(0), 0, 4, rapid.ID).Draw(t, "top ids")
		logprobs := make([]float32, len(ids))
		for i := range logprobs {
			logprobs[i] = -rapid.SampledFrom([]float32{0, 0.5, 1.25, 3, 1000}).Draw(t, "logprob")
		}
		row.Signal.Append(ids, logprobs)
	}
	return row
}

func collect(t testing.TB, d *Dataset) (rows []distill.Row) {
	t.Helper()
	for row, err := range d.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

func open(t testing.TB, dir string, options Options) *Dataset {
	t.Helper()
	d, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// plain returns n short rows with distinct ids.
func plain(from, n int) []distill.Row {
	rows := make([]distill.Row, n)
	for i := range rows {
		id := fmt.Sprint("p", from+i)
		rows[i] = distill.Row{ID: RowID(id, 0, "t", distill.Sampling{}), CreatedAt: time.UnixMicro(int64(from + i)).UTC(),
			Prompt:     distill.Prompt{ID: id, Split: distill.Train, Messages: []distill.Message{{Role: "user", Content: "how much is " + id}}},
			Completion: distill.Completion{Teacher: "t", Response: strings.Repeat(id+" ", 20), FinishReason: distill.FinishStop}}
	}
	return rows
}

// What goes in comes out equal: from the stream, from the stream opened again, and from shards of every compression.
func TestRowsRoundTrip(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		kind := rapid.SampledFrom([]distill.SignalKind{distill.NoSignal, distill.TopK, distill.Sampled}).Draw(t, "kind")
		options := Options{Origin: Origin{Teacher: "t", TokenizerHash: "h", Signal: kind}, Reserve: -1,
			Compression: rapid.SampledFrom([]Compression{Auto, None, LZ4, Zstd}).Draw(t, "compression")}
		var given, want []distill.Row
		seen := make(map[string]bool)
		for range rapid.IntRange(0, 6).Draw(t, "rows") {
			if row := aRow(t, kind); !seen[row.ID] {
				given, want, seen[row.ID] = append(given, row), append(want, inOrder(row)), true
			}
		}
		dir := filepath.Join(base, fmt.Sprint(n))
		d, err := Create(dir, options)
		if err != nil {
			t.Fatal(err)
		}
		half := len(given) / 2
		check := func(stage string) {
			var got []distill.Row
			for row, err := range d.Rows() {
				if err != nil {
					t.Fatal(stage, err)
				}
				got = append(got, row)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(stage, diff)
			}
		}
		for _, rows := range [][]distill.Row{given[:half], given[half:], given} { // the second time they are there already
			if err := d.Append(context.Background(), rows...); err != nil {
				t.Fatal(err)
			}
		}
		check("stream")
		d.Close()
		if d, err = Open(dir, options); err != nil {
			t.Fatal(err)
		}
		check("stream opened again")
		if err := d.Seal(); err != nil {
			t.Fatal(err)
		}
		check("shard")
		d.Close()
		if d, err = Open(dir, Options{ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		check("shard opened again")
		for _, row := range want {
			if !d.Has(row.ID) {
				t.Fatal("lost", row.ID)
			}
		}
	})
}

func TestInvalidUTF8BecomesReplacement(t *testing.T) {
	d := open(t, t.TempDir(), Options{})
	row := plain(0, 1)[0]
	row.Response = "a\xffb"
	if err := d.Append(context.Background(), row); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, d)[0].Response; got != "a\uFFFDb" {
		t.Fatalf("%q", got)
	}
}

func TestSignalLosesNoMoreThanBinary16(t *testing.T) {
	d := open(t, t.TempDir(), Options{Origin: Origin{Signal: distill.TopK}})
	row := plain(0, 1)[0]
	row.TokenIDs = []distill.Token{1, 2}
	row.Signal = &distill.Signal{Kind: distill.TopK}
	row.Signal.Append([]distill.Token{7, 8, 9}, []float32{-0.1, -2.4849067, -17.3})
	row.Signal.Append([]distill.Token{3}, []float32{float32(math.Inf(-1))})
	if err := d.Append(context.Background(), row); err != nil {
		t.Fatal(err)
	}
	got := collect(t, d)[0].Signal
	for i, want := range row.Signal.Logprobs {
		// Half a unit in the last place of 11 significant bits.
		if diff := math.Abs(float64(got.Logprobs[i] - want)); got.Logprobs[i] != want && diff > math.Abs(float64(want))*0x1p-11 {
			t.Errorf("%v became %v", want, got.Logprobs[i])
		}
	}
}

func TestAppendRefusesContradictions(t *testing.T) {
	d := open(t, t.TempDir(), Options{Origin: Origin{Signal: distill.TopK}})
	for name, spoil := range map[string]func(*distill.Row){
		"no id":            func(r *distill.Row) { r.ID = "" },
		"meta":             func(r *distill.Row) { r.Prompt.Meta = json.RawMessage("{") },
		"logprobs":         func(r *distill.Row) { r.TokenLogprobs = []float32{1} },
		"kind":             func(r *distill.Row) { r.Signal = &distill.Signal{Kind: distill.Sampled} },
		"positions":        func(r *distill.Row) { r.Signal = &distill.Signal{Kind: distill.TopK, Ends: []int32{0}} },
		"ids and logprobs": func(r *distill.Row) { r.Signal = &distill.Signal{Kind: distill.TopK, IDs: []int32{1}} },
		"ends beyond": func(r *distill.Row) {
			r.TokenIDs = []int32{1}
			r.Signal = &distill.Signal{Kind: distill.TopK, Ends: []int32{4}}
		},
		"entries after end": func(r *distill.Row) {
			r.Signal = &distill.Signal{Kind: distill.TopK, IDs: []int32{1}, Logprobs: []float32{0}}
		},
	} {
		row := plain(0, 1)[0]
		spoil(&row)
		if d.Append(context.Background(), row) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if d.Len() != 0 {
		t.Errorf("%d rows kept", d.Len())
	}
}

// Callers at once: every row once, and fewer syncs than callers.
func TestConcurrentAppend(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{ShardBytes: 100 << 10})
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 40 {
				row := plain(g/2*1000+i, 1)[0] // each row comes from two callers
				if err := d.Append(context.Background(), row); err != nil {
					t.Error(err)
				}
				if !d.Has(row.ID) {
					t.Error("acknowledged and not there")
				}
			}
		})
	}
	wg.Wait()
	if d.Len() != 8*40 || len(collect(t, d)) != 8*40 || len(d.Shards()) == 0 {
		t.Fatalf("%d rows, %d shards", d.Len(), len(d.Shards()))
	}
}

func TestOneWriterAndManyReaders(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	if err := d.Append(context.Background(), plain(0, 3)...); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrLocked) {
		t.Fatalf("second writer: %v", err)
	}
	reader := open(t, dir, Options{ReadOnly: true})
	if n := len(collect(t, reader)); n != 3 || reader.Len() != 3 || !reader.Has(plain(1, 1)[0].ID) || reader.Has("x") {
		t.Fatalf("reader sees %d rows", n)
	}
	if err := reader.Append(context.Background(), plain(5, 1)...); err == nil {
		t.Fatal("reader appended")
	}
	// A reader in the middle of the stream is not disturbed by its end.
	next := 0
	for row, err := range d.Rows() {
		if err != nil || row.Prompt.ID != fmt.Sprint("p", next) {
			t.Fatal(row.Prompt.ID, err)
		}
		if next++; next == 1 {
			if err := d.Seal(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if next != 3 {
		t.Fatalf("%d rows", next)
	}
}

func TestCreateAndOpenWhereTheyDoNotBelong(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{}).Close()
	if _, err := Create(dir, Options{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a dataset: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read nothing: %v", err)
	}
	if _, err := Open(t.TempDir(), Options{Compression: "brotli"}); err == nil {
		t.Error("unknown compression accepted")
	}
}

// Another teacher or another signal begins another shard, since the schema's metadata says which it is.
func TestOriginPerShard(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{Origin: Origin{Teacher: "a"}})
	d.Append(context.Background(), plain(0, 2)...)
	d.Close()
	d = open(t, dir, Options{Origin: Origin{Teacher: "b", Signal: distill.Sampled}})
	row := plain(9, 1)[0]
	row.TokenIDs, row.Signal = []int32{4}, &distill.Signal{Kind: distill.Sampled}
	row.Signal.Append([]int32{4, 5}, []float32{-0.5, -1})
	if err := d.Append(context.Background(), row); err != nil {
		t.Fatal(err)
	}
	rows := collect(t, d)
	if len(rows) != 3 || len(d.Shards()) != 1 || rows[0].Signal != nil || rows[2].Signal.Kind != distill.Sampled {
		t.Fatalf("%d rows in %d shards", len(rows), len(d.Shards()))
	}
}

// The index is a convenience: without it, or with a wrong one, ids come from the shards.
func TestIndexIsRebuilt(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, Options{})
	d.Append(context.Background(), plain(0, 50)...)
	if err := d.Seal(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	path := indexPath(dir, shardName(0))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{}, good...)
	bad[40] ^= 1
	for name, content := range map[string][]byte{"flipped": bad, "short": good[:20], "empty": nil} {
		os.WriteFile(path, content, 0o644)
		d := open(t, dir, Options{})
		if !d.Has(plain(49, 1)[0].ID) || d.Len() != 50 {
			t.Errorf("%s index: row lost", name)
		}
		d.Close()
		if again, _ := os.ReadFile(path); string(again) != string(good) {
			t.Errorf("%s index: not rebuilt", name)
		}
	}
}
