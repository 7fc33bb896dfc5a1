package infer

import (
	"fmt"
	"math"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/model"
)

// twin computes the logits (T, V) of a sequence the plain way, in float64 from decoded weights: no cache, no panels, no
// batch. It is what every faster path is held to.
func twin(tb testing.TB, m *model.Model, ids []Token) []float32 {
	tb.Helper()
	loaded := map[string][]float64{}
	load := func(format string, a ...any) []float64 {
		name := fmt.Sprintf(format, a...)
		if out, ok := loaded[name]; ok {
			return out
		}
		w, err := m.Float32(name)
		if err != nil {
			tb.Fatal(err)
		}
		out := make([]float64, len(w))
		loaded[name] = out
		for i, v := range w {
			out[i] = float64(v)
		}
		return out
	}
	n, d := len(ids), m.HeadDim
	embedding := load("token_embd.weight")
	x := make([][]float64, n)
	for i, id := range ids {
		x[i] = append([]float64(nil), embedding[int(id)*m.Width:(int(id)+1)*m.Width]...)
	}
	freqs, scale := m.RotaryFrequencies()
	rotate := func(v []float64, position int) {
		for i, f := range freqs {
			sin, cos := math.Sincos(float64(position) * float64(f))
			sin, cos = sin*float64(scale), cos*float64(scale)
			a, b := v[i], v[i+d/2]
			v[i], v[i+d/2] = a*cos-b*sin, b*cos+a*sin
		}
	}
	for l := range m.Layers {
		q, k, v := make([][]float64, n), make([][]float64, n), make([][]float64, n)
		norm := load("blk.%d.attn_norm.weight", l)
		weights := map[string][]float64{}
		for _, s := range []string{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"} {
			weights[s] = load("blk.%d.%s.weight", l, s)
		}
		for i := range n {
			h := rms(x[i], norm, m.NormEps)
			q[i], k[i], v[i] = apply(weights["attn_q"], h), apply(weights["attn_k"], h), apply(weights["attn_v"], h)
			if m.AttentionBias {
				addTo(q[i], load("blk.%d.attn_q.bias", l))
				addTo(k[i], load("blk.%d.attn_k.bias", l))
				addTo(v[i], load("blk.%d.attn_v.bias", l))
			}
			for _, side := range []struct {
				x    []float64
				name string
			}{{q[i], "attn_q_norm"}, {k[i], "attn_k_norm"}} {
				for at := 0; at < len(side.x); at += d {
					head := side.x[at : at+d]
					if m.QKNorm {
						copy(head, rms(head, load("blk.%d.%s.weight", l, side.name), m.NormEps))
					}
					rotate(head, i)
				}
			}
		}
		for i := range n {
			addTo(x[i], apply(weights["attn_output"], attendTwin(m.Config, q[i], k[:i+1], v[:i+1])))
		}
		norm = load("blk.%d.ffn_norm.weight", l)
		for i := range n {
			h := rms(x[i], norm, m.NormEps)
			gate, up := apply(weights["ffn_gate"], h), apply(weights["ffn_up"], h)
			for j, g := range gate {
				gate[j] = g / (1 + math.Exp(-g)) * up[j]
			}
			addTo(x[i], apply(weights["ffn_down"], gate))
		}
	}
	head := embedding
	if !m.TiedEmbeddings {
		head = load("output.weight")
	}
	norm := load("output_norm.weight")
	var logits []float32
	for i := range n {
		for _, v := range apply(head, rms(x[i], norm, m.NormEps)) {
			logits = append(logits, float32(v))
		}
	}
	return logits
}

func attendTwin(c model.Config, q []float64, keys, values [][]float64) []float64 {
	d := c.HeadDim
	out := make([]float64, c.Heads*d)
	for h := range c.Heads {
		kv := h / (c.Heads / c.KVHeads) * d
		p := make([]float64, len(keys))
		var total float64
		for j := range keys {
			var s float64
			for i := range d {
				s += q[h*d+i] * keys[j][kv+i]
			}
			p[j] = math.Exp(s / math.Sqrt(float64(d)))
			total += p[j]
		}
		for j := range values {
			for i := range d {
				out[h*d+i] += p[j] / total * values[j][kv+i]
			}
		}
	}
	return out
}

func rms(x, w []float64, eps float64) []float64 {
	var s float64
	for _, v := range x {
		s += v * v
	}
	inv := 1 / math.Sqrt(s/float64(len(x))+eps)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v * inv * w[i]
	}
	return out
}

// apply multiplies a row-major matrix of len(x) columns with x.
func apply(w, x []float64) []float64 {
	out := make([]float64, len(w)/len(x))
	for i := range out {
		var s float64
		for j, v := range x {
			s += w[i*len(x)+j] * v
		}
		out[i] = s
	}
	return out
}

func addTo(x, y []float64) {
	for i, v := range y {
		x[i] += v
	}
}
