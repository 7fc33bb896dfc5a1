package panel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/half"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// eachImplementation runs a test once with every implementation this machine has.
func eachImplementation(t *testing.T, test func(t *testing.T)) {
	before := active
	defer func() { active = before }()
	for _, r := range available() {
		t.Run(r.name, func(t *testing.T) {
			active = r
			test(t)
		})
	}
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// encoded draws a matrix and returns it as stored in type t, and decoded.
func encoded(r *rand.Rand, t quant.Type, rows, columns int) (data []byte, decoded []float32) {
	x := normal(r, rows*columns)
	data = make([]byte, rows*t.RowBytes(columns))
	quant.Encode(t, data, x, nil)
	quant.Decode(t, x, data)
	return data, x
}

// shapes returns rows, columns and activation rows that meet every tile and every remainder.
func shapes(t quant.Type) (list [][3]int) {
	columns := []int{1, 2, 5, 48}
	switch t.BlockSize() {
	case 32:
		columns = []int{32, 96}
	case 256:
		columns = []int{256}
	}
	for _, c := range columns {
		for _, rows := range []int{1, 40, 144} {
			for _, n := range []int{1, 2, 7, 13} {
				list = append(list, [3]int{rows, c, n})
			}
		}
	}
	return list
}

const guard = 12345.5

// The product equals Σ of decoded weights times activations: exactly those activations for float weights, their 8-bit
// form for quantized ones. The bound is that of summing k products in float32.
func TestMul(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, typ := range quant.Types() {
			r := rand.New(rand.NewPCG(3, uint64(typ)))
			for _, s := range shapes(typ) {
				rows, columns, n := s[0], s[1], s[2]
				data, w := encoded(r, typ, rows, columns)
				m := Pack(nil, typ, rows, columns, data, nil)
				x := normal(r, n*columns)
				var in Input
				in.Set(x, n, columns, m.Quantized())
				stride := m.Panels()*Width + 3
				y := make([]float32, (n-1)*stride+m.Panels()*Width+1)
				for i := range y {
					y[i] = guard
				}
				m.Mul(y[:len(y)-1], stride, &in, 0, m.Panels())
				for i := range n {
					for j := range rows {
						want, size := expected(&in, w[j*columns:(j+1)*columns], i)
						if got := float64(y[i*stride+j]); !(math.Abs(got-want) <= 1e-6*size) {
							t.Fatalf("%v %v: y[%d][%d] = %v, want %v", typ, s, i, j, got, want)
						}
					}
					for j := m.Panels() * Width; j < stride && i < n-1; j++ {
						if y[i*stride+j] != guard {
							t.Fatalf("%v %v: row %d overwritten at %d", typ, s, i, j)
						}
					}
				}
				if y[len(y)-1] != guard {
					t.Fatalf("%v %v: overwritten after the end", typ, s)
				}
			}
		}
	})
}

// expected returns Σ w·x for activation row i, and the sum of the magnitudes.
func expected(in *Input, w []float32, i int) (sum, size float64) {
	for k, v := range w {
		x := float64(in.X[i*in.Cols+k])
		if len(in.blocks) > 0 {
			b := in.blocks[i*in.Cols/32+k/32]
			x = float64(b.d) * float64(b.q[k%32])
		}
		sum += float64(v) * x
		size += math.Abs(float64(v) * x)
	}
	return sum, size
}

// A row's outputs have the same bits whatever the rows beside it and however the panels are divided.
func TestMulDoesNotDependOnTheBatch(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		for _, typ := range quant.Types() {
			r := rand.New(rand.NewPCG(4, uint64(typ)))
			const rows, columns, n = 208, 256, 87 // strips of tiles, where every 16 columns have a scale too, and a rest
			data, _ := encoded(r, typ, rows, columns)
			m := Pack(nil, typ, rows, columns, data, nil)
			x := normal(r, n*columns)
			var all, one Input
			all.Set(x, n, columns, true)
			y := make([]float32, n*rows)
			m.Mul(y, rows, &all, 0, 5)
			m.Mul(y, rows, &all, 5, 13)
			single := make([]float32, rows)
			for i := range n {
				one.Set(x[i*columns:(i+1)*columns], 1, columns, true)
				m.Mul(single, rows, &one, 0, m.Panels())
				for j, v := range single {
					if math.Float32bits(v) != math.Float32bits(y[i*rows+j]) {
						t.Fatalf("%v: row %d, output %d: %v alone, %v in the batch", typ, i, j, v, y[i*rows+j])
					}
				}
			}
		}
	})
}

// Levels and activations at the ends of their ranges must not saturate on the way, in a tile of any number of rows: for
// bytes that are all alike every routine gives what plain Go does, but for the rounding of floats.
func TestMulExtremes(t *testing.T) {
	const rows, columns, most = 32, 512, 7
	for _, typ := range quant.Types() {
		if !typ.Quantized() {
			continue
		}
		for _, fill := range []byte{0x00, 0x33, 0x7f, 0x80, 0x81, 0xff} {
			data := bytes.Repeat([]byte{fill}, rows*typ.RowBytes(columns))
			for i := range data[:len(data)-1] { // no scale may be infinite
				if data[i] == 0x7f && data[i+1] == 0x7f || data[i] == 0xff && data[i+1] == 0xff {
					data[i+1] = fill &^ 0x44
				}
			}
			checkExtremes(t, Pack(nil, typ, rows, columns, data, nil), most)
		}
	}
}

func checkExtremes(t *testing.T, m *Matrix, most int) {
	t.Helper()
	x := make([]float32, most*m.Cols)
	for i := range x {
		x[i] = 127
		if i/m.Cols%2 == 1 || i/m.Cols == 4 && i%2 == 1 {
			x[i] = -127
		}
	}
	for n := 1; n <= most; n++ {
		var in Input
		in.Set(x[:n*m.Cols], n, m.Cols, true)
		want := make([]float32, n*m.Rows)
		mulIntReference(want, m.Rows, &in, m, 0, m.Panels())
		eachImplementation(t, func(t *testing.T) {
			got := make([]float32, n*m.Rows)
			m.Mul(got, m.Rows, &in, 0, m.Panels())
			for i := range got {
				if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-5*math.Abs(float64(want[i]))) && got[i] != want[i] {
					t.Fatalf("%v, %d rows: output %d is %v, want %v", m.Type, n, i, got[i], want[i])
				}
			}
		})
	}
}

// Quantized activations are the reference's, bit for bit.
func TestQuantize(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	x := normal(r, 32*64)
	for i := range 32 {
		x[i] = 0
		x[32+i] = -1e-30
		x[64+i] = float32(i) - 15.5 // ties
		x[96+i] = 1e30 * float32(i)
	}
	want := make([]block, len(x)/32)
	quantizeReference(want, x)
	eachImplementation(t, func(t *testing.T) {
		got := make([]block, len(want)+1)
		got[len(want)].d = guard
		active.quantize(got[:len(want)], x)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("block %d:\n got %v\nwant %v", i, got[i], want[i])
			}
		}
		if got[len(want)].d != guard {
			t.Fatal("written past the end")
		}
	})
}

func TestRowDecodes(t *testing.T) {
	for _, typ := range quant.Types() {
		r := rand.New(rand.NewPCG(6, uint64(typ)))
		data, w := encoded(r, typ, 37, 512)
		order := make([]int, 37)
		for i := range order {
			order[i] = (i*5 + 2) % 37
		}
		m := Pack(nil, typ, 37, 512, data, order)
		got := make([]float32, 512)
		for i := range 37 {
			m.Row(got, i)
			for k, v := range got {
				if v != w[order[i]*512+k] {
					t.Fatalf("%v: row %d column %d: %v, want %v", typ, i, k, v, w[order[i]*512+k])
				}
			}
		}
	}
}

func TestMulF16(t *testing.T) {
	eachImplementation(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(7, 7))
		for _, s := range [][3]int{{1, 8, 1}, {3, 5, 2}, {6, 64, 9}, {17, 33, 4}} {
			n, k, panels := s[0], s[1], s[2]
			stride := (k + 2) * Width
			w := make([]uint16, panels*stride)
			for i := range w {
				w[i] = half.F16(float32(r.NormFloat64()))
			}
			x := normal(r, n*k)
			y := make([]float32, n*panels*Width)
			MulF16(y, panels*Width, x, k, n, w, stride, k, panels, stride)
			for i := range n {
				for j := range panels * Width {
					var want float64
					for c := range k {
						want += float64(x[i*k+c]) * float64(half.FromF16(w[j/Width*stride+c*Width+j%Width]))
					}
					if math.Abs(float64(y[i*panels*Width+j])-want) > 1e-5*float64(k) {
						t.Fatalf("%v: y[%d][%d] = %v, want %v", s, i, j, y[i*panels*Width+j], want)
					}
				}
			}
		}
	})
}
