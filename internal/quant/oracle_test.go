package quant_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// llamaFtype are llama.h's numbers of "everything in this type".
var llamaFtype = map[quant.Type]int{
	quant.F16: 1, quant.Q4_0: 2, quant.Q4_1: 3, quant.Q8_0: 7, quant.Q5_0: 8, quant.Q5_1: 9, quant.Q2_K: 10,
	quant.Q3_K: 12, quant.Q4_K: 15, quant.Q5_K: 17, quant.Q6_K: 18, quant.BF16: 32,
}

// randomModel writes a one-layer Llama of width 256 whose weights are drawn from distributions that exercise the
// searches: normal, heavy-tailed, one-sided, tiny, constant, zero.
func randomModel(tb testing.TB, path string) {
	tb.Helper()
	base, err := gguf.Open(fixture.Shared(tb, "models", "stories260K-f32.gguf"))
	if err != nil {
		tb.Fatal(err)
	}
	defer base.Close()
	const width, ffn = 256, 512
	meta := base.Metadata.Clone()
	for key, v := range map[string]uint32{"embedding_length": width, "feed_forward_length": ffn, "block_count": 1,
		"attention.head_count": 4, "attention.head_count_kv": 4, "rope.dimension_count": 64} {
		meta.Set("llama."+key, v)
	}
	var infos []gguf.TensorInfo
	add := func(name string, shape ...int) {
		infos = append(infos, gguf.TensorInfo{Name: name, Type: quant.F32, Shape: shape})
	}
	add("token_embd.weight", 512, width)
	add("output_norm.weight", width)
	add("output.weight", 512, width)
	for _, n := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		add("blk.0."+n+".weight", width, width)
	}
	add("blk.0.attn_norm.weight", width)
	add("blk.0.ffn_norm.weight", width)
	add("blk.0.ffn_gate.weight", ffn, width)
	add("blk.0.ffn_up.weight", ffn, width)
	add("blk.0.ffn_down.weight", width, ffn)
	var file bytes.Buffer
	w, err := gguf.NewWriter(&file, meta, infos)
	if err != nil {
		tb.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for n, info := range infos {
		x := make([]float32, info.Elements())
		for i := range x {
			x[i] = draw(r, (n+i/4096)%6)
		}
		data := make([]byte, 4*len(x))
		quant.Encode(quant.F32, data, x, nil)
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

func draw(r *rand.Rand, kind int) float32 {
	x := r.NormFloat64() * 0.05
	switch kind {
	case 1:
		x = x * math.Abs(r.NormFloat64()) * 3
	case 2:
		x = math.Abs(x) + 0.01
	case 3:
		x *= 1e-6
	case 4:
		x = 0.125 * float64(r.IntN(3)-1)
	case 5:
		if r.IntN(8) > 0 {
			x = 0
		}
	}
	return float32(x)
}

// Without an importance our bytes are llama-quantize's, for every type and tensor.
func TestEncodeWritesLlamaQuantizesBytes(t *testing.T) {
	oracle := fixture.Oracle(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "f32.gguf")
	randomModel(t, source)
	in, err := gguf.Open(source)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for typ, ftype := range llamaFtype {
		t.Run(typ.String(), func(t *testing.T) {
			path := filepath.Join(dir, typ.String()+".gguf")
			if out, err := exec.Command(oracle, "quantize", source, path, fmt.Sprint(ftype), "1").CombinedOutput(); err != nil {
				t.Fatalf("llama_oracle quantize: %v: %s", err, out)
			}
			file, err := gguf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			same := 0
			for _, want := range file.Tensors {
				if want.Type != typ {
					continue
				}
				info, _ := in.Tensor(want.Name)
				x := make([]float32, info.Elements())
				quant.Decode(quant.F32, x, in.Data(info))
				got := make([]byte, typ.RowBytes(len(x)))
				quant.Encode(typ, got, x, nil)
				compareBlocks(t, want.Name, typ, got, file.Data(want), x)
				same++
			}
			if same == 0 {
				t.Fatal("the library's file holds no tensor of this type")
			}
		})
	}
}

func compareBlocks(t *testing.T, name string, typ quant.Type, got, want []byte, x []float32) {
	t.Helper()
	size, n, different := typ.BlockBytes(), typ.BlockSize(), 0
	for i := 0; i < len(want); i += size {
		if bytes.Equal(got[i:i+size], want[i:i+size]) {
			continue
		}
		if different == 0 {
			t.Errorf("%s: block %d:\n got % x\nwant % x\nof %v", name, i/size, got[i:i+size], want[i:i+size], x[i/size*n:(i/size+1)*n])
		}
		different++
	}
	if different > 0 {
		t.Errorf("%s: %d of %d blocks differ", name, different, len(want)/size)
	}
}
