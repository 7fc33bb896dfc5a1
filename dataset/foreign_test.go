package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// foreignRows are rows with and without everything.
func foreignRows(kind distill.SignalKind) []distill.Row {
	cost := 0.125
	full := distill.Row{ID: "a", Sample: 3, CreatedAt: time.UnixMicro(1_700_000_000_123_456).UTC(),
		Prompt: distill.Prompt{ID: "p", Split: distill.Heldout, Reference: "7", Meta: json.RawMessage(`{"x": [1, 2]}`),
			Messages: []distill.Message{{Role: "system", Content: "kurz"}, {Role: "user", Content: "naïve 日本 😀?"}}},
		Verdicts: []distill.Verdict{{Name: "number", Pass: true, Score: 0.5, Detail: "d"}, {Name: "exact"}},
		Completion: distill.Completion{Teacher: "t", Reasoning: "hm", Response: "7", FinishReason: "stop", PromptTokens: 1,
			CompletionTokens: 2, ReasoningTokens: 3, CostUSD: &cost, Latency: 1500 * time.Millisecond,
			TokenIDs: []int32{5, 6}, TokenLogprobs: []float32{-0.25, -2}, Signal: &distill.Signal{Kind: distill.TopK}}}
	full.Signal.Append([]int32{5, 9, 100000}, []float32{-0.25, -1.5, -6.125})
	full.Signal.Append(nil, nil)
	full.Signal.Kind = kind
	rows := append([]distill.Row{full}, plain(0, 300)...)
	return append(rows, full)[:301]
}

// What this package writes, stream and files, plain and compressed, another implementation reads: every column, every
// value, and the schema's metadata.
func TestAnotherImplementationReads(t *testing.T) {
	modules := fixture.NPM(t, "arrow-js-21.2.0", "apache-arrow@21.2.0", "fzstd@0.1.1")
	for compression, kind := range map[Compression]distill.SignalKind{None: distill.TopK, Zstd: distill.Sampled} {
		dir, want := t.TempDir(), foreignRows(kind)
		origin := Origin{Teacher: "t", TokenizerHash: "h", Signal: kind}
		d := open(t, dir, Options{Origin: origin, Compression: compression})
		for _, row := range want[:100] {
			if err := d.Append(context.Background(), row); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Append(context.Background(), want[100:]...); err != nil {
			t.Fatal(err)
		}
		compareForeign(t, modules, filepath.Join(dir, streamName(0)), origin, want)
		if err := d.Seal(); err != nil {
			t.Fatal(err)
		}
		compareForeign(t, modules, filepath.Join(dir, shardName(0)), origin, want)
	}
}

func compareForeign(t *testing.T, modules, path string, origin Origin, want []distill.Row) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "node", filepath.Join("testdata", "read.cjs"), modules, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", path, err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var head struct {
		Metadata map[string]string
		Columns  []string
	}
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
		t.Fatal(err)
	}
	if head.Metadata["distill.version"] != Version || head.Metadata["distill.teacher"] != origin.Teacher ||
		head.Metadata["distill.tokenizer"] != origin.TokenizerHash || head.Metadata["distill.signal"] != string(origin.Signal) {
		t.Errorf("%s: metadata %v", path, head.Metadata)
	}
	if len(head.Columns) != colTopLengths+1 || head.Columns[0] != "id: Utf8" || head.Columns[5] != "reasoning: Utf8, null" {
		t.Errorf("%s: columns %v", path, head.Columns)
	}
	if len(lines)-1 != len(want) {
		t.Fatalf("%s: %d rows of %d", path, len(lines)-1, len(want))
	}
	for i, row := range want {
		var got, expected any
		json.Unmarshal([]byte(lines[i+1]), &got)
		json.Unmarshal(asForeign(row), &expected)
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Fatalf("%s: row %d: %s", path, i, diff)
		}
	}
}

// asForeign writes a row as read.cjs does.
func asForeign(row distill.Row) []byte {
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	messages := [][2]string{}
	for _, m := range row.Prompt.Messages {
		messages = append(messages, [2]string{m.Role, m.Content})
	}
	verdicts := [][]any{}
	for _, v := range row.Verdicts {
		verdicts = append(verdicts, []any{v.Name, v.Pass, v.Score, v.Detail})
	}
	var ids [][]int32
	var logprobs [][]float32
	for i := range row.Signal.Len() {
		a, b := row.Signal.At(i)
		ids, logprobs = append(ids, append([]int32{}, a...)), append(logprobs, append([]float32{}, b...))
	}
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(map[string]any{
		"id": row.ID, "prompt_id": row.Prompt.ID, "split": row.Prompt.Split, "sample": row.Sample, "messages": messages,
		"reasoning": orNull(row.Reasoning), "response": row.Response, "finish_reason": row.FinishReason, "teacher": row.Teacher,
		"tokens":   []int32{row.PromptTokens, row.CompletionTokens, row.ReasoningTokens},
		"cost_usd": row.CostUSD, "latency_ms": row.Latency.Milliseconds(), "created_at": float64(row.CreatedAt.UnixMicro()) / 1000, // JavaScript counts milliseconds
		"token_ids": row.TokenIDs, "token_logprobs": row.TokenLogprobs, "top_ids": ids, "top_logprobs": logprobs,
		"verdicts": verdicts, "meta": orNull(encodeMeta(&row.Prompt)),
	})
	return b.Bytes()
}
