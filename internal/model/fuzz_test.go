package model

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/gguf"
)

func parse(tb testing.TB, data []byte) *Model {
	tb.Helper()
	f, err := gguf.Parse(data)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := FromGGUF(f)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

// tiny is a model of which a whole file fits a fuzzer's input.
var tiny = Config{Arch: Qwen2, Vocab: 4, Context: 8, Width: 4, FFN: 4, Layers: 1, Heads: 2, KVHeads: 1, HeadDim: 2, RopeTheta: 10000, NormEps: 1e-6, TiedEmbeddings: true, AttentionBias: true}

func encode(tb testing.TB, m *Model) []byte {
	tb.Helper()
	p, err := NewPlan(m.Config, "F32", PlanOptions{})
	if err != nil {
		tb.Fatal(err)
	}
	var file bytes.Buffer
	if err := EncodeGGUF(&file, m, p); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

// A file that opens as a model has every weight it promises, and is written back to a file that opens as the same.
func FuzzModelFromGGUF(f *testing.F) {
	yarn := tiny
	yarn.RopeScaling = &RopeScaling{Type: RopeYarn, Factor: 2, OriginalContext: 4}
	llama3 := tiny
	llama3.Arch, llama3.AttentionBias = Llama, false
	llama3.RopeScaling = &RopeScaling{Type: RopeLlama3, Factor: 8, OriginalContext: 8192, LowFreqFactor: 1, HighFreqFactor: 4}
	for _, c := range []Config{tiny, yarn, llama3} {
		m, err := Random(c, nil, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encode(f, m))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := gguf.Parse(data)
		if err != nil {
			return
		}
		m, err := FromGGUF(file)
		if err != nil {
			return
		}
		for _, s := range m.Specs() {
			if w, err := m.Float32(s.Name); err != nil || len(w) != s.Elements() {
				t.Fatalf("weight %q: %d values, %v", s.Name, len(w), err)
			}
		}
		m.RotaryFrequencies()
		again := parse(t, encode(t, m))
		if diff := cmp.Diff(m.Specs(), again.Specs()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzHFConfig(f *testing.F) {
	for _, text := range configTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, _, err := ParseHFConfig(text)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted what is not valid: %v", err)
		}
		if c.HeadDim <= 1<<12 {
			c.RotaryFrequencies()
		}
	})
}

func FuzzImportance(f *testing.F) {
	var file bytes.Buffer
	if err := encodeImportance(&file, Importance{"a": {1, 2}, "b": {3}}, ImportanceSource{Datasets: []string{"x"}, Chunks: 1, ChunkSize: 2}); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := gguf.Parse(data)
		if err != nil {
			return
		}
		imp, source, err := importanceFromGGUF(g)
		if err != nil {
			return
		}
		if source.Chunks < 0 || source.ChunkSize < 0 || source.Chunks > 1e6 || source.ChunkSize > 1e6 {
			return
		}
		for name := range imp {
			if len(name)+len(suffixSums) > 60 {
				return // too long for the writer's limit once the suffix is there
			}
		}
		if err := encodeImportance(new(bytes.Buffer), imp, source); err != nil {
			t.Fatal(err)
		}
	})
}
