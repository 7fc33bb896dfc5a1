package infer

import (
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/panel"
)

// span is a run of tokens of one sequence that goes through the model together: they follow what the cache holds. The
// last outputs of them get logits.
type span struct {
	cache   *cache
	tokens  []Token
	outputs int
}

// workspace is the scratch memory of one forward pass. It grows to the largest pass it has seen.
type workspace struct {
	x         []float32 // (N, C) the residual stream
	h         []float32 // (N, C) normalised
	q, k, v   []float32 // (N, padded H·D), (N, padded K·D) twice
	attended  []float32 // (N, H·D)
	out       []float32 // (N, padded C) what a sublayer adds
	gate, up  []float32 // (N, padded F)
	inner     []float32 // (N, F)
	logits    []float32 // (outputs, padded V)
	positions []int32
	in        panel.Input
	product   product
	attention attention
	collector *collector // nil unless inputs are being observed
}

// padded returns the stride of a product's outputs: whole panels.
func padded(n int) int { return (n + panel.Width - 1) / panel.Width * panel.Width }

func resize[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n, n+n/4)
	}
	*s = (*s)[:n]
	return *s
}

// forward runs the spans through the model, appends their keys and values to their caches and returns the logits, a row
// of stride padded(V) for each output, in the order of the spans. The result lives in ws. Every cache must have room.
func (m *Model) forward(ws *workspace, pool *kernel.Pool, spans []span) []float32 {
	c := &m.cfg
	n, last := 0, 0
	ws.positions = ws.positions[:0]
	for _, s := range spans {
		for i := range s.tokens {
			ws.positions = append(ws.positions, int32(s.cache.length+i))
		}
		n += len(s.tokens)
		last = max(last, s.cache.length+len(s.tokens))
	}
	rope := m.rope.upTo(last)
	x := resize(&ws.x, n*c.Width)
	row := 0
	for _, s := range spans {
		for _, id := range s.tokens {
			m.embedding.Row(x[row*c.Width:(row+1)*c.Width], int(id))
			row++
		}
	}
	for i := range m.layers {
		m.attend(ws, pool, rope, spans, i, n)
		m.feedForward(ws, pool, i, n)
	}
	for _, s := range spans {
		s.cache.length += len(s.tokens)
	}
	return m.head(ws, pool, spans)
}

// attend adds the attention sublayer of layer i to the residual stream.
func (m *Model) attend(ws *workspace, pool *kernel.Pool, rope *kernel.RoPE, spans []span, i, n int) {
	c, l := &m.cfg, &m.layers[i]
	qWidth, kvWidth := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim
	m.normalise(ws, pool, l.attnNorm, n)
	q, k, v := resize(&ws.q, n*padded(qWidth)), resize(&ws.k, n*padded(kvWidth)), resize(&ws.v, n*padded(kvWidth))
	m.setInput(ws, pool, ws.h, n, c.Width, i, inputQKV, l.q, l.k, l.v)
	m.multiply(ws, pool, []factor{{l.q, q}, {l.k, k}, {l.v, v}})
	queries := kernel.Matrix{Data: q, Rows: n, Cols: qWidth, Stride: padded(qWidth)}
	keys := kernel.Matrix{Data: k, Rows: n, Cols: kvWidth, Stride: padded(kvWidth)}
	values := kernel.Matrix{Data: v, Rows: n, Cols: kvWidth, Stride: padded(kvWidth)}
	if l.qBias != nil {
		for r := range n {
			kernel.Add(queries.Row(r), queries.Row(r), l.qBias)
			kernel.Add(keys.Row(r), keys.Row(r), l.kBias)
			kernel.Add(values.Row(r), values.Row(r), l.vBias)
		}
	}
	if l.qNorm != nil {
		m.normaliseHeads(queries, l.qNorm)
		m.normaliseHeads(keys, l.kNorm)
	}
	kernel.RoPEForward(pool, queries, rope, ws.positions)
	kernel.RoPEForward(pool, keys, rope, ws.positions)
	attended := resize(&ws.attended, n*qWidth)
	ws.attention.run(m, pool, spans, i, queries, keys, values, attended)
	m.setInput(ws, pool, attended, n, qWidth, i, inputAttended, l.o)
	m.addProduct(ws, pool, l.o, n)
}

// feedForward adds the feed-forward sublayer of layer i to the residual stream.
func (m *Model) feedForward(ws *workspace, pool *kernel.Pool, i, n int) {
	c, l := &m.cfg, &m.layers[i]
	m.normalise(ws, pool, l.ffnNorm, n)
	gate, up := resize(&ws.gate, n*padded(c.FFN)), resize(&ws.up, n*padded(c.FFN))
	m.setInput(ws, pool, ws.h, n, c.Width, i, inputGateUp, l.gate, l.up)
	m.multiply(ws, pool, []factor{{l.gate, gate}, {l.up, up}})
	inner := resize(&ws.inner, n*c.FFN)
	view := func(data []float32) kernel.Matrix {
		return kernel.Matrix{Data: data, Rows: n, Cols: c.FFN, Stride: padded(c.FFN)}
	}
	kernel.SwiGLUForward(pool, kernel.NewMatrix(inner, n, c.FFN), view(gate), view(up))
	m.setInput(ws, pool, inner, n, c.FFN, i, inputInner, l.down)
	m.addProduct(ws, pool, l.down, n)
}

// head returns the logits of the spans' last positions.
func (m *Model) head(ws *workspace, pool *kernel.Pool, spans []span) []float32 {
	width := m.cfg.Width
	outputs, row := 0, 0
	for _, s := range spans {
		row += len(s.tokens)
		for j := row - s.outputs; j < row; j++ {
			copy(ws.x[outputs*width:(outputs+1)*width], ws.x[j*width:(j+1)*width]) // outputs ≤ j: nothing is overwritten early
			outputs++
		}
	}
	if outputs == 0 {
		return nil
	}
	m.normalise(ws, pool, m.norm, outputs)
	m.setInput(ws, pool, ws.h, outputs, width, 0, inputHead, m.output)
	logits := resize(&ws.logits, outputs*padded(m.cfg.Vocab))
	m.multiply(ws, pool, []factor{{m.output, logits}})
	return logits
}

// normalise sets the first n rows of ws.h to the RMS norm of those of ws.x.
func (m *Model) normalise(ws *workspace, pool *kernel.Pool, weight []float32, n int) {
	c := m.cfg.Width
	h := resize(&ws.h, n*c)
	kernel.RMSNormForward(pool, kernel.NewMatrix(h, n, c), kernel.NewMatrix(ws.x, n, c), weight, float32(m.cfg.NormEps), nil)
}

// normaliseHeads applies the RMS norm to every head of every row.
func (m *Model) normaliseHeads(x kernel.Matrix, weight []float32) {
	d := m.cfg.HeadDim
	for r := range x.Rows {
		heads := kernel.NewMatrix(x.Row(r), x.Cols/d, d)
		kernel.RMSNormForward(nil, heads, heads, weight, float32(m.cfg.NormEps), nil)
	}
}

// setInput makes x the input of the following products, in 8 bits too if one of the weights wants it.
func (m *Model) setInput(ws *workspace, pool *kernel.Pool, x []float32, rows, columns, layer int, name input, weights ...*panel.Matrix) {
	quantized := false
	for _, w := range weights {
		quantized = quantized || w.Quantized()
	}
	ws.in.Set(x, rows, columns, false)
	if quantized {
		ws.in.Quantize(pool)
	}
	ws.collector.add(layer, name, &ws.in)
}

// addProduct adds the product of the input with w to the residual stream.
func (m *Model) addProduct(ws *workspace, pool *kernel.Pool, w *panel.Matrix, n int) {
	width := m.cfg.Width
	stride := padded(width)
	out := resize(&ws.out, n*stride)
	m.multiply(ws, pool, []factor{{w, out}})
	if stride == width {
		kernel.Add(ws.x[:n*width], ws.x[:n*width], out)
		return
	}
	for r := range n {
		x := ws.x[r*width : (r+1)*width]
		kernel.Add(x, x, out[r*stride:r*stride+width])
	}
}
