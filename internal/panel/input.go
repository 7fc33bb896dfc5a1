package panel

import (
	"math"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Input holds activation rows and, if asked for, their 8-bit form. It is reused from product to product; the zero value
// is empty. One goroutine sets it, many may read it.
type Input struct {
	Rows, Cols int
	X          []float32 // (Rows, Cols), the caller's
	blocks     []block   // (Rows, Cols/32); empty without the 8-bit form
}

// block is the 8-bit form of 32 activations, x ≈ d·q, with what products need of it. The sums are −Σq, which weights
// whose levels are centred elsewhere multiply with their centre; the dsums are d·Σq, for weights with a minimum. Its 64
// bytes are a cache line and known to the assembly.
type block struct {
	q      [32]int8
	d      float32
	sum    int32
	dsum   float32
	_      int32
	sum16  [2]int32 // of each half
	dsum16 [2]float32
}

// Set makes in hold the rows of x, which has shape (rows, columns) and must stay unchanged while in is used. With
// quantized set it computes the 8-bit form; columns must then be a multiple of 32.
func (in *Input) Set(x []float32, rows, columns int, quantized bool) {
	if len(x) < rows*columns {
		panic(errInput)
	}
	in.Rows, in.Cols, in.X, in.blocks = rows, columns, x[:rows*columns], in.blocks[:0]
	if quantized {
		in.Quantize(nil)
	}
}

// rowsTogether is how many rows one thread quantizes at a time.
const rowsTogether = 8

// Quantize computes the 8-bit form, by the threads of the pool; columns must be a multiple of 32.
func (in *Input) Quantize(pool *kernel.Pool) {
	if in.Cols%32 != 0 {
		panic(errInput)
	}
	n := in.Rows * in.Cols / 32
	// A product on tiles reads, and ignores, some rows beyond the last.
	if beyond := 4 * in.Cols / 32; cap(in.blocks) < n+beyond {
		in.blocks = make([]block, n+n/2+beyond)
	}
	in.blocks = in.blocks[:n]
	if pool.Threads() == 1 || in.Rows <= rowsTogether {
		active.quantize(in.blocks, in.X)
		return
	}
	pool.Run((in.Rows+rowsTogether-1)/rowsTogether, (*quantizer)(in))
}

// quantizer is the task of quantizing an Input.
type quantizer Input

// Do quantizes some rows.
func (in *quantizer) Do(item int) {
	lo, hi := item*rowsTogether*in.Cols, min(in.Rows, (item+1)*rowsTogether)*in.Cols
	active.quantize(in.blocks[lo/32:hi/32], in.X[lo:hi])
}

// quantizeReference sets q = round(x·127/max|x|), ties to even, and d = max|x|/127 rounded to binary16, block by block:
// ggml's Q8_0 activations, so that a model chooses the same tokens here and there.
func quantizeReference(blocks []block, x []float32) {
	for i := range blocks {
		b, values := &blocks[i], x[i*32:i*32+32]
		var largest float32
		for _, v := range values {
			largest = max(largest, float32(math.Abs(float64(v))))
		}
		var inverse float32
		if largest != 0 {
			inverse = 127 / largest
		}
		for j, v := range values {
			b.q[j] = int8(math.RoundToEven(float64(v * inverse)))
		}
		b.d = roundToFloat16(largest / 127)
		low, high := sum(b.q[:16]), sum(b.q[16:])
		b.sum, b.dsum = -low-high, b.d*float32(low+high)
		b.sum16, b.dsum16 = [2]int32{-low, -high}, [2]float32{b.d * float32(low), b.d * float32(high)}
	}
}

func sum(q []int8) (s int32) {
	for _, v := range q {
		s += int32(v)
	}
	return s
}
