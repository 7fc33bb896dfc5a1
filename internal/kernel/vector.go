package kernel

// Max returns the largest element, −Inf for an empty slice. A NaN is passed over.
func Max(x []float32) float32 { return active.max(x) }

// Dot returns Σ x[i]·y[i], summed in lanes and blocks whose order depends on the length alone.
func Dot(x, y []float32) float32 {
	if len(x) != len(y) {
		panic(errLength)
	}
	return active.dot(x, y)
}

// SumSquares returns Σ x[i]² as a float64: float32 lanes within blocks of 4096, float64 across them.
func SumSquares(p *Pool, x []float32) float64 {
	t := sumSquaresTasks.get()
	defer sumSquaresTasks.put(t)
	n := blockCount(len(x), reduceBlock)
	t.x, t.partial = x, grow(t.partial, n)
	p.Run(blockCount(n, reduceGroup), t)
	total := 0.0
	for _, s := range t.partial[:n] {
		total += float64(s)
	}
	t.x = nil
	return total
}

const (
	reduceBlock = 4096 // elements summed in float32
	reduceGroup = 16   // blocks per task
)

type sumSquaresTask struct{ x, partial []float32 }

var sumSquaresTasks = newRecycler[sumSquaresTask]()

func (t *sumSquaresTask) Do(item int) {
	lo, hi := blockRange(item, reduceGroup, len(t.partial))
	for b := lo; b < hi; b++ {
		i, j := blockRange(b, reduceBlock, len(t.x))
		t.partial[b] = active.dot(t.x[i:j], t.x[i:j])
	}
}

// Scale sets x[i] *= a.
func Scale(x []float32, a float32) { active.scale(x, a) }

// Axpy sets y[i] += a·x[i].
func Axpy(y []float32, a float32, x []float32) {
	if len(x) != len(y) {
		panic(errLength)
	}
	active.axpy(y, a, x)
}

// Axpby sets y[i] = a·x[i] + b·y[i].
func Axpby(y []float32, a float32, x []float32, b float32) {
	if len(x) != len(y) {
		panic(errLength)
	}
	active.axpby(y, a, x, b)
}

// MulAffine sets x[i] *= a·y[i] + b.
func MulAffine(x, y []float32, a, b float32) {
	if len(x) != len(y) {
		panic(errLength)
	}
	active.mulAffine(x, y, a, b)
}

// Add sets dst[i] = x[i] + y[i]; dst may be x or y.
func Add(dst, x, y []float32) {
	if len(x) != len(dst) || len(y) != len(dst) {
		panic(errLength)
	}
	active.add(dst, x, y)
}
