package infer

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// shape is a model to be drawn at random.
type shape struct {
	arch                         string
	width, ffn, layers           int
	heads, kvHeads, headDim      int
	vocab                        int // 512 or, without a tokenizer's use, more
	tied                         bool
	scaling                      string // "", linear, yarn, llama3
	matrices, embedding, outputs quant.Type
}

// writeRandom writes a GGUF file of random weights that llama.cpp loads: the tokenizer is the stories model's, padded
// with unused tokens to the vocabulary.
func writeRandom(tb testing.TB, path string, s shape) {
	tb.Helper()
	base, err := gguf.Open(fixture.Shared(tb, "models", "stories260K-f32.gguf"))
	if err != nil {
		tb.Fatal(err)
	}
	defer base.Close()
	meta := new(gguf.Metadata)
	for _, key := range base.Metadata.Keys() {
		if v, _ := base.Metadata.Get(key); !strings.HasPrefix(key, "llama.") {
			meta.Set(key, v)
		}
	}
	padVocabulary(meta, s.vocab)
	meta.Set("general.architecture", s.arch)
	for key, v := range map[string]any{
		"context_length": uint32(2048), "embedding_length": uint32(s.width), "feed_forward_length": uint32(s.ffn),
		"block_count": uint32(s.layers), "attention.head_count": uint32(s.heads), "attention.head_count_kv": uint32(s.kvHeads),
		"attention.key_length": uint32(s.headDim), "attention.value_length": uint32(s.headDim),
		"rope.dimension_count": uint32(s.headDim), "rope.freq_base": float32(10000), "vocab_size": uint32(s.vocab),
		"attention.layer_norm_rms_epsilon": float32(1e-5),
	} {
		meta.Set(s.arch+"."+key, v)
	}
	if s.scaling == "linear" || s.scaling == "yarn" {
		meta.Set(s.arch+".rope.scaling.type", s.scaling)
		meta.Set(s.arch+".rope.scaling.factor", float32(4))
		meta.Set(s.arch+".rope.scaling.original_context_length", uint32(64))
	}
	infos := randomTensors(s)
	var file bytes.Buffer
	w, err := gguf.NewWriter(&file, meta, infos)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, info := range infos {
		x := make([]float32, info.Elements())
		size := 1 / math.Sqrt(float64(info.Shape[len(info.Shape)-1]))
		for i := range x {
			switch {
			case info.Name == "rope_freqs.weight":
				x[i] = 1 + 3*float32(i)/float32(len(x))
			case len(info.Shape) == 1 && strings.HasSuffix(info.Name, "norm.weight"):
				x[i] = float32(1 + 0.3*r.NormFloat64())
			default:
				x[i] = float32(r.NormFloat64() * size)
			}
		}
		data := make([]byte, info.Type.RowBytes(len(x)))
		quant.Encode(info.Type, data, x, nil)
		if err := w.WriteTensor(info.Name, data); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, file.Bytes(), 0o644); err != nil {
		tb.Fatal(err)
	}
}

func padVocabulary(meta *gguf.Metadata, vocab int) {
	tokens, _ := meta.Strings("tokenizer.ggml.tokens")
	scores, _ := meta.Floats("tokenizer.ggml.scores")
	v, _ := meta.Get("tokenizer.ggml.token_type")
	types := v.([]int32)
	for i := len(tokens); i < vocab; i++ {
		tokens, scores, types = append(tokens, fmt.Sprintf("[unused%d]", i)), append(scores, -1e6), append(types, 5)
	}
	meta.Set("tokenizer.ggml.tokens", tokens)
	meta.Set("tokenizer.ggml.scores", scores)
	meta.Set("tokenizer.ggml.token_type", types)
}

func randomTensors(s shape) (infos []gguf.TensorInfo) {
	c := model.Config{Arch: s.arch, Vocab: s.vocab, Width: s.width, FFN: s.ffn, Layers: s.layers, Heads: s.heads, KVHeads: s.kvHeads,
		HeadDim: s.headDim, TiedEmbeddings: s.tied, AttentionBias: s.arch == "qwen2", QKNorm: s.arch == "qwen3"}
	for _, spec := range c.Specs() {
		t := quant.F32
		if len(spec.Shape) == 2 {
			t = s.matrices
			switch spec.Name {
			case "token_embd.weight":
				t = s.embedding
			case "output.weight":
				t = s.outputs
			}
		}
		infos = append(infos, gguf.TensorInfo{Name: spec.Name, Type: t, Shape: spec.Shape})
	}
	if s.scaling == "llama3" {
		infos = append(infos, gguf.TensorInfo{Name: "rope_freqs.weight", Type: quant.F32, Shape: []int{s.headDim / 2}})
	}
	return infos
}

// Every architecture, with every rope scaling, agrees with llama.cpp and with the plain twin at F32.
func TestArchitecturesAgreeWithLlamaCpp(t *testing.T) {
	oracle := fixture.Oracle(t)
	for _, s := range []shape{
		{arch: "llama", heads: 4, kvHeads: 2, headDim: 16},
		{arch: "llama", heads: 4, kvHeads: 1, headDim: 24, tied: true, scaling: "llama3"},
		{arch: "llama", heads: 4, kvHeads: 4, headDim: 16, scaling: "linear"},
		{arch: "qwen2", heads: 4, kvHeads: 2, headDim: 16, tied: true},
		{arch: "qwen2", heads: 2, kvHeads: 1, headDim: 32, scaling: "yarn"},
		{arch: "qwen3", heads: 4, kvHeads: 2, headDim: 32, tied: true},
	} {
		s.width, s.ffn, s.layers, s.vocab = 64, 96, 2, 512
		t.Run(fmt.Sprintf("%s/%s", s.arch, s.scaling), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m.gguf")
			writeRandom(t, path, s)
			for _, n := range []int{1, 7, 200} {
				ours, llama, truth := threeLogits(t, oracle, path, n)
				// At some head sizes llama.cpp sums attention in float16 and is further from the twin than this bound.
				if e := relativeError(ours, llama); !(e < max(1e-3, 1.1*relativeError(llama, truth))) {
					t.Errorf("%d tokens: %.2g from llama.cpp", n, e)
				}
				if e := relativeError(ours, truth); !(e < 1e-3) {
					t.Errorf("%d tokens: %.2g from the twin", n, e)
				}
			}
		})
	}
}

// threeLogits returns our logits of a sequence, llama.cpp's, and the twin's.
func threeLogits(tb testing.TB, oracle, path string, n int) (ours, llama, truth []float32) {
	tb.Helper()
	ids := []Token{1}
	for i := 1; i < n; i++ {
		ids = append(ids, Token(3+i*37%500))
	}
	source, err := model.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer source.Close()
	m, err := New(source, Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer m.Close()
	if ours, err = m.Logits(ids); err != nil {
		tb.Fatal(err)
	}
	return ours, oracleLogits(tb, oracle, path, ids), twin(tb, source, ids)
}

// At every quantization our logits are as near to llama.cpp's as llama.cpp's are to the exact product of the same
// weights: what separates them is the 8-bit rounding of activations, and it is no larger here.
func TestQuantizedModelsAgreeWithLlamaCpp(t *testing.T) {
	oracle := fixture.Oracle(t)
	for _, typ := range quant.Types() {
		t.Run(typ.String(), func(t *testing.T) {
			s := shape{arch: "llama", width: 256, ffn: 512, layers: 2, heads: 4, kvHeads: 2, headDim: 64, vocab: 512,
				matrices: typ, embedding: typ, outputs: typ}
			path := filepath.Join(t.TempDir(), "m.gguf")
			writeRandom(t, path, s)
			ours, llama, truth := threeLogits(t, oracle, path, 24)
			between, theirs, own := relativeError(ours, llama), relativeError(llama, truth), relativeError(ours, truth)
			t.Logf("to llama.cpp %.2g; to the exact product: ours %.2g, llama.cpp's %.2g", between, own, theirs)
			if between > max(1e-3, 1.5*theirs) || own > max(1e-3, 1.1*theirs) {
				t.Errorf("to llama.cpp %.2g; to the exact product: ours %.2g, llama.cpp's %.2g", between, own, theirs)
			}
		})
	}
}

// Files that llama.cpp quantized get the tokens that llama.cpp chooses; of this model Q4_K_M is a mix, as its rows are too
// short. Q4_1 and Q5_1 have a test of their own, for ties.
func TestQuantizedGreedyEqualsLlamaCpp(t *testing.T) {
	oracle := fixture.Oracle(t)
	source := fixture.Shared(t, "models", "stories260K-f32.gguf")
	for name, ftype := range map[string]string{"F16": "1", "Q8_0": "7", "Q4_0": "2", "Q5_0": "8", "BF16": "32", "Q4_K_M": "15"} {
		path := filepath.Join(t.TempDir(), name+".gguf")
		ask(t, oracle, "quantize", source, path, ftype, "0")
		want := parse(t, ask(t, oracle, append([]string{"greedy", path, "60"}, numbers(storiesPrompt)...)...))
		got := greedy(t, open(t, path, Options{}), storiesPrompt, len(want))
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
	}
}
