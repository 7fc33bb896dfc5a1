package kernel

import "math"

// RoPE holds the cosines and sines of rotary position embedding, one row of D/2 per position.
type RoPE struct {
	Cos, Sin []float32 // (positions, D/2)
	HeadDim  int
}

// RoPEFrequencies returns the D/2 angular frequencies theta^(−2i/D) of a head of size headDim.
// Source: Su et al. 2021, arXiv:2104.09864. Context extensions change these before NewRoPE.
func RoPEFrequencies(headDim int, theta float64) []float64 {
	f := make([]float64, headDim/2)
	for i := range f {
		f[i] = math.Pow(theta, -2*float64(i)/float64(headDim))
	}
	return f
}

// NewRoPE tabulates positions 0 … positions−1; the head size is twice the number of frequencies.
func NewRoPE(positions int, frequencies []float64) *RoPE {
	half := len(frequencies)
	r := &RoPE{Cos: make([]float32, positions*half), Sin: make([]float32, positions*half), HeadDim: 2 * half}
	for t := range positions {
		for i, f := range frequencies {
			sin, cos := math.Sincos(float64(t) * f)
			r.Cos[t*half+i], r.Sin[t*half+i] = float32(cos), float32(sin)
		}
	}
	return r
}

// RoPEForward rotates every head of every row of x in place, in the "half" layout of Hugging Face:
//
//	lo, hi = x[:D/2], x[D/2:];   lo, hi = lo·cos − hi·sin, hi·cos + lo·sin
//
// x has shape (N, heads·D); row i is at position positions[i] of the table.
// Its gradient turns by the opposite angle: see [Attention].Backward.
func RoPEForward(p *Pool, x Matrix, table *RoPE, positions []int32) {
	x.check()
	if x.Cols%table.HeadDim != 0 {
		panic(errShape)
	}
	if len(positions) != x.Rows {
		panic(errLength)
	}
	t := ropeTasks.get()
	*t = ropeTask{x, table, positions}
	p.Run(blockCount(x.Rows, ropeRows), t)
	*t = ropeTask{}
	ropeTasks.put(t)
}

const ropeRows = 64 // rows per task

type ropeTask struct {
	x         Matrix
	table     *RoPE
	positions []int32
}

var ropeTasks = newRecycler[ropeTask]()

func (t *ropeTask) Do(item int) {
	lo, hi := blockRange(item, ropeRows, t.x.Rows)
	for i := lo; i < hi; i++ {
		t.table.rotate(t.x.Row(i), t.positions[i], 1)
	}
}

// rotate turns all heads of a row, forth or, if direction is −1, back.
func (r *RoPE) rotate(row []float32, position int32, direction float32) {
	d, half := r.HeadDim, r.HeadDim/2
	at := int(position) * half
	cos, sin := r.Cos[at:at+half], r.Sin[at:at+half]
	for h := 0; h < len(row); h += d {
		active.rotate(row[h:h+half], row[h+half:h+d], cos, sin, direction)
	}
}
