package convert_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/card"
	"github.com/seed-d24fde5f/distill/dataset/convert"
	"github.com/seed-d24fde5f/distill/internal/fixture"
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

func collect(t testing.TB, rows iter.Seq2[distill.Row, error]) (all []distill.Row) {
	t.Helper()
	for row, err := range rows {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

// someRows have all columns filled in some rows and empty in others.
func someRows(n int) []distill.Row {
	rows := make([]distill.Row, n)
	for i := range rows {
		cost := float64(i) / 8
		r := distill.Row{ID: fmt.Sprint("r", i), Sample: int32(i), CreatedAt: time.UnixMicro(int64(i) * 1e6).UTC(),
			Prompt: distill.Prompt{ID: fmt.Sprint("p", i), Split: distill.Train,
				Messages: []distill.Message{{Role: "system", Content: "kurz"}, {Role: "user", Content: fmt.Sprint("naïve <b> ", i)}}},
			Completion: distill.Completion{Teacher: "t", Response: fmt.Sprint("answer ", i), FinishReason: "stop", CostUSD: &cost}}
		if i%2 == 0 {
			r.Prompt.Split, r.Reasoning = distill.Heldout, "hm\nyes"
			r.Prompt.Reference, r.Prompt.Meta = "7", json.RawMessage(`{"a": [1]}`)
			r.CostUSD = nil
			r.Verdicts = []distill.Verdict{{Name: "number", Pass: true, Score: 0.5, Detail: "d"}}
			r.TokenIDs, r.TokenLogprobs = []int32{int32(i), 2}, []float32{-0.5, -0.25}
			r.Signal = &distill.Signal{Kind: distill.TopK}
			r.Signal.Append([]int32{int32(i), 7, 9}, []float32{-0.5, -1.5, -8})
			r.Signal.Append([]int32{2}, []float32{-0.25})
		}
		rows[i] = r
	}
	return rows
}

var origin = dataset.Origin{Teacher: "t", TokenizerHash: "h", Signal: distill.TopK}

// Parquet and Arrow keep everything.
func TestColumnarFormatsKeepEverything(t *testing.T) {
	want := someRows(3000)
	for format, name := range map[convert.Format]string{convert.Parquet: "x.parquet", convert.Arrow: "x.arrows"} {
		path := filepath.Join(t.TempDir(), name)
		if n, err := convert.Write(path, format, sequence(want), convert.Options{Origin: origin}); err != nil || n != len(want) {
			t.Fatalf("%s: %d %v", format, n, err)
		}
		if found, err := convert.Detect(path); err != nil || found != format {
			t.Errorf("%s detected as %s: %v", format, found, err)
		}
		if diff := cmp.Diff(want, collect(t, convert.Read(path, "", convert.Options{})), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", format, diff)
		}
	}
}

func TestFinishedShardIsReadAsArrow(t *testing.T) {
	want := someRows(50)
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := dataset.Write(dir, dataset.Options{Origin: origin}, sequence(want)); err != nil {
		t.Fatal(err)
	}
	got := collect(t, convert.Read(filepath.Join(dir, "shard-00000.arrow"), "", convert.Options{}))
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestHFLayout(t *testing.T) {
	want := someRows(2500)
	dir := filepath.Join(t.TempDir(), "hf")
	if _, err := convert.Write(dir, convert.HF, sequence(want), convert.Options{Origin: origin, Card: card.Card{Title: "T"}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	readme, _ := os.ReadFile(filepath.Join(dir, "README.md"))
	if !strings.Contains(string(readme), "path: data/test-*") || !strings.Contains(string(readme), "# T") {
		t.Errorf("%s", readme)
	}
	if format, err := convert.Detect(dir); err != nil || format != convert.HF {
		t.Error(format, err)
	}
	byID := cmpopts.SortSlices(func(a, b distill.Row) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, collect(t, convert.Read(dir, "", convert.Options{})), cmpopts.EquateEmpty(), byID); diff != "" {
		t.Error(diff)
	}
}

// Questions, answers and thinking come back from every JSON format that holds them.
func TestJSONFormatsKeepTheConversation(t *testing.T) {
	base, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.StringMatching(`[a-zäß<>&"\\ ]{0,8}[a-z]`)
		format := rapid.SampledFrom([]convert.Format{convert.OpenAI, convert.ShareGPT, convert.Alpaca}).Draw(t, "format")
		thinking := rapid.SampledFrom([]convert.Thinking{"", convert.Tags, convert.Field}).Draw(t, "thinking")
		var want []distill.Row
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			var r distill.Row
			if rapid.Bool().Draw(t, "system") {
				r.Prompt.Messages = append(r.Prompt.Messages, distill.Message{Role: "system", Content: word.Draw(t, "text")})
			}
			turns := 0
			if format != convert.Alpaca {
				turns = rapid.IntRange(0, 2).Draw(t, "turns")
			}
			for range turns {
				r.Prompt.Messages = append(r.Prompt.Messages, distill.Message{Role: "user", Content: word.Draw(t, "text")},
					distill.Message{Role: "assistant", Content: word.Draw(t, "text")})
			}
			r.Prompt.Messages = append(r.Prompt.Messages, distill.Message{Role: "user", Content: word.Draw(t, "text")})
			r.Response = strings.TrimSpace(word.Draw(t, "response"))
			if rapid.Bool().Draw(t, "reasoned") {
				r.Reasoning = strings.TrimSpace(word.Draw(t, "reasoning"))
			}
			want = append(want, r)
		}
		n++
		path := filepath.Join(base, fmt.Sprint(n, ".jsonl"))
		if _, err := convert.Write(path, format, sequence(want), convert.Options{Thinking: thinking}); err != nil {
			t.Fatal(err)
		}
		i, ids := 0, make(map[string]bool)
		for got, err := range convert.Read(path, "", convert.Options{Teacher: "x", Heldout: 0.5}) {
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[i].Prompt.Messages, got.Prompt.Messages); diff != "" || got.Response != want[i].Response || got.Reasoning != want[i].Reasoning {
				t.Fatalf("%s: %+v became %+v", format, want[i], got)
			}
			if got.Teacher != "x" || got.Prompt.Split == "" || ids[got.ID] {
				t.Fatalf("%+v", got)
			}
			ids[got.ID] = true
			i++
		}
		if i != len(want) {
			t.Fatalf("%d rows of %d", i, len(want))
		}
	})
}

func TestLinesOfTheWild(t *testing.T) {
	for text, want := range map[string]distill.Row{
		`{"messages": [{"role":"developer","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a","reasoning_content":"r"}]}`: {Prompt: distill.Prompt{Messages: []distill.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "q"}}}, Completion: distill.Completion{Reasoning: "r", Response: "a"}},
		`{"conversations": [{"from":"human","value":"q"},{"from":"gpt","value":"no tag before\n</think>\n\na"}], "system": "s"}`:                      {Prompt: distill.Prompt{Messages: []distill.Message{{Role: "system", Content: "s"}, {Role: "user", Content: "q"}}}, Completion: distill.Completion{Reasoning: "no tag before", Response: "a"}},
		`{"instruction": "q", "input": "i", "output": "a"}`: {Prompt: distill.Prompt{Messages: []distill.Message{{Role: "user", Content: "q\n\ni"}}}, Completion: distill.Completion{Response: "a"}},
	} {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		os.WriteFile(path, []byte("\uFEFF"+text), 0o644)
		got := collect(t, convert.Read(path, map[byte]convert.Format{'m': convert.OpenAI, 'c': convert.ShareGPT, 'i': convert.Alpaca}[text[2]], convert.Options{}))[0]
		if diff := cmp.Diff(want.Prompt.Messages, got.Prompt.Messages); diff != "" || got.Response != want.Response || got.Reasoning != want.Reasoning {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"broken.jsonl":  `{"messages": `,
		"question.json": `{"messages": [{"role":"user","content":"q"}]}`,
		"robot.jsonl":   `{"conversations": [{"from":"robot","value":"q"}]}`,
		"tool.jsonl":    `{"messages": [{"role":"tool","content":"q"},{"role":"assistant","content":"q"}]}`,
		"output.jsonl":  `{"instruction": "q"}`,
		"other.jsonl":   `{"text": "q"}`,
		"empty.parquet": ``, "junk.parquet": strings.Repeat("PAR1", 40), "junk.arrow": "ARROW1\x00\x00junkjunkjunk\x04\x00\x00\x00ARROW1", "empty.arrows": "",
	} {
		path := filepath.Join(dir, name)
		os.WriteFile(path, []byte(content), 0o644)
		var failed error
		for _, err := range convert.Read(path, "", convert.Options{}) {
			failed = err
		}
		if failed == nil || !strings.Contains(failed.Error(), name) {
			t.Errorf("%s: %v", name, failed)
		}
	}
	there := filepath.Join(dir, "other.jsonl")
	if _, err := convert.Write(there, convert.OpenAI, sequence(nil), convert.Options{}); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file: %v", err)
	}
	wrong := errors.New("wrong")
	failing := func(yield func(distill.Row, error) bool) {
		if yield(someRows(1)[0], nil) {
			yield(distill.Row{}, wrong)
		}
	}
	for _, format := range []convert.Format{convert.OpenAI, convert.ShareGPT, convert.Parquet, convert.Arrow, convert.HF} {
		path := filepath.Join(dir, "new")
		if _, err := convert.Write(path, format, failing, convert.Options{Origin: origin}); !errors.Is(err, wrong) {
			t.Errorf("%s: %v", format, err)
		}
		if left, _ := filepath.Glob(path + "*"); len(left) > 0 {
			t.Errorf("%s left %v", format, left)
		}
	}
	if _, err := convert.Write(filepath.Join(dir, "new"), "csv", sequence(nil), convert.Options{}); err == nil {
		t.Error("unknown format accepted")
	}
	if _, err := convert.Write(filepath.Join(dir, "new"), convert.Alpaca, sequence([]distill.Row{{Prompt: distill.Prompt{Messages: make([]distill.Message, 3)}}}), convert.Options{}); err == nil {
		t.Error("turns in alpaca accepted")
	}
}

// Another implementation reads our Parquet files, nested lists and half-precision numbers included.
func TestAnotherImplementationReadsParquet(t *testing.T) {
	modules := fixture.NPM(t, "duckdb-1.5.6-r.1", "@duckdb/node-api@1.5.6-r.1")
	want := someRows(20)
	path := filepath.Join(t.TempDir(), "x.parquet")
	if _, err := convert.Write(path, convert.Parquet, sequence(want), convert.Options{Origin: origin}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "read.mjs"), modules, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(want) {
		t.Fatalf("%d rows: %s", len(lines), out)
	}
	for i, r := range want {
		var got struct {
			ID        string
			Messages  []struct{ Role, Content string }
			Response  string
			Reasoning *string
			TokenIDs  []int32     `json:"token_ids"`
			TopIDs    [][]int32   `json:"top_ids"`
			Top       [][]float32 `json:"top_logprobs"`
			Cost      *float64    `json:"cost_usd"`
		}
		if err := json.Unmarshal(lines[i], &got); err != nil {
			t.Fatal(err)
		}
		if got.ID != r.ID || got.Messages[1].Content != r.Prompt.Messages[1].Content || got.Response != r.Response ||
			(got.Reasoning == nil) != (r.Reasoning == "") || !cmp.Equal(got.TokenIDs, r.TokenIDs, cmpopts.EquateEmpty()) || !cmp.Equal(got.Cost, r.CostUSD) {
			t.Fatalf("row %d: %s", i, lines[i])
		}
		for p := range r.Signal.Len() {
			ids, logprobs := r.Signal.At(p)
			if !cmp.Equal(got.TopIDs[p], ids) || !cmp.Equal(got.Top[p], logprobs) {
				t.Fatalf("row %d: %s", i, lines[i])
			}
		}
	}
}

func FuzzJSONL(f *testing.F) {
	f.Add([]byte(`{"messages": [{"role":"user","content":"q"},{"role":"assistant","content":"<think>r</think>a"}]}`))
	f.Add([]byte(`{"conversations": [{"from":"human","value":"q"},{"from":"gpt","value":"a"}]}`))
	f.Add([]byte(`{"instruction": "q", "input": "i", "output": "a"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		os.WriteFile(path, text, 0o644)
		for row, err := range convert.Read(path, "", convert.Options{}) {
			if err == nil && (row.ID == "" || len(row.Prompt.Messages) == 0) {
				t.Fatalf("%+v", row)
			}
		}
	})
}

func FuzzParquet(f *testing.F) {
	path := filepath.Join(f.TempDir(), "x.parquet")
	if _, err := convert.Write(path, convert.Parquet, sequence(someRows(3)), convert.Options{Origin: origin}); err != nil {
		f.Fatal(err)
	}
	whole, _ := os.ReadFile(path)
	f.Add(whole)
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		os.WriteFile(path, content, 0o644)
		for range convert.Read(path, convert.Parquet, convert.Options{}) {
		}
	})
}

func Example() {
	dir, _ := os.MkdirTemp("", "convert")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "train.jsonl")
	rows := sequence([]distill.Row{{ID: "1", Completion: distill.Completion{Reasoning: "6 sevens", Response: "42"},
		Prompt: distill.Prompt{Messages: []distill.Message{{Role: distill.RoleUser, Content: "6 · 7?"}}}}})
	if _, err := convert.Write(path, convert.OpenAI, rows, convert.Options{}); err != nil {
		fmt.Println(err)
	}
	text, _ := os.ReadFile(path)
	fmt.Print(string(text))
	for row, err := range convert.Read(path, "", convert.Options{}) {
		fmt.Println(row.Reasoning, "→", row.Response, err)
	}
	// Output:
	// {"messages":[{"role":"user","content":"6 · 7?"},{"role":"assistant","content":"<think>\n6 sevens\n</think>\n\n42"}]}
	// 6 sevens → 42 <nil>
}
