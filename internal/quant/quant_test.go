package quant

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/half"
)

// sample draws n values of one of several distributions.
func sample(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	kind, size := r.IntN(5), math.Exp(r.NormFloat64()*3)
	for i := range x {
		v := r.NormFloat64() * size
		switch kind {
		case 1:
			v = math.Abs(v)
		case 2:
			v *= math.Abs(r.NormFloat64())
		case 3:
			v = math.Round(v)
		case 4:
			if r.IntN(4) > 0 {
				v = 0
			}
		}
		x[i] = float32(v)
	}
	return x
}

// rmse returns the root of the mean of w·(x − y)², w nil for ones.
func rmse(x, y, w []float32) float64 {
	var sum float64
	for i := range x {
		d := float64(x[i]) - float64(y[i])
		if w != nil {
			d *= math.Sqrt(float64(w[i]))
		}
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(x)))
}

func roundTrip(t Type, x, importance []float32) []float32 {
	b := make([]byte, t.RowBytes(len(x)))
	y := make([]float32, len(x))
	Encode(t, b, x, importance)
	Decode(t, y, b)
	return y
}

// The error of normally distributed weights, relative to their size, is what a grid of that many levels allows: the
// bounds are those of a uniform quantizer of the format's range over ±3.2 sigma, with a third more.
func TestErrorIsThatOfTheBits(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	x := make([]float32, 64*256)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	for _, typ := range Types() {
		levels := map[Type]float64{Q8_0: 256, Q6_K: 64, Q5_0: 32, Q5_1: 32, Q5_K: 32, Q4_0: 16, Q4_1: 16, Q4_K: 16, Q3_K: 8, Q2_K: 4}[typ]
		bound := map[Type]float64{F32: 0, F16: 4e-4, BF16: 3e-3}[typ]
		if levels > 0 {
			bound = 1.33 * 6.4 / levels / math.Sqrt(12)
		}
		if e := rmse(x, roundTrip(typ, x, nil), nil); e > bound {
			t.Errorf("%v: %.4g, bound %.4g", typ, e, bound)
		}
	}
}

// What is decoded and encoded again decodes to the same for formats without a search.
func TestDecodedValuesAreFixedPoints(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for _, typ := range []Type{F32, F16, BF16, Q8_0} {
		x := roundTrip(typ, sample(r, 512), nil)
		for i, v := range roundTrip(typ, x, nil) {
			if d := math.Abs(float64(v - x[i])); d > 1e-3*math.Abs(float64(x[i])) {
				t.Fatalf("%v: element %d is %v, was %v", typ, i, v, x[i])
			}
		}
	}
}

// With an importance the weighted error falls, summed over many rows.
func TestImportanceLowersTheWeightedError(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for _, typ := range []Type{Q4_0, Q4_1, Q5_0, Q5_1, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K} {
		var plain, guided float64
		for range 16 {
			x, w := make([]float32, 512), make([]float32, 512)
			for i := range x {
				x[i], w[i] = float32(r.NormFloat64()), float32(math.Exp(2*r.NormFloat64()))
			}
			plain += rmse(x, roundTrip(typ, x, nil), w)
			guided += rmse(x, roundTrip(typ, x, w), w)
		}
		if guided >= plain {
			t.Errorf("%v: weighted error %.4g with importance, %.4g without", typ, guided, plain)
		}
	}
}

// The integer form gives the decoded values: scale·(level − zero) − minimum.
func TestLevelsAreTheDecodedValues(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for _, typ := range Types() {
		if !typ.Quantized() {
			continue
		}
		f := FormOf(typ)
		const n = 1024
		x := sample(r, n)
		b := make([]byte, typ.RowBytes(n))
		Encode(typ, b, x, nil)
		Decode(typ, x, b)
		levels, s := make([]uint8, n), f.NewScales(n)
		Levels(typ, b, levels, s)
		for i, want := range x {
			got := valueOf(f, s, levels[i], i)
			if got != want || int(levels[i]) >= f.Levels {
				t.Fatalf("%v: element %d: %v from level %d, want %v", typ, i, got, levels[i], want)
			}
		}
	}
}

// valueOf returns element i, of a level, of a row in integer form.
func valueOf(f Form, s Scales, level uint8, i int) float32 {
	var v [2]float32
	for j := range f.Per() {
		v[j] = half.FromF16(s.Floats[i/f.Share()*f.Per()+j])
		if f.Super {
			v[j] *= float32(s.Integers[i/f.Group*f.Per()+j])
		}
	}
	return float32(v[0]*float32(int(level)-f.Zero)) - v[1]
}

// Rows are independent: encoding them together or apart gives the same bytes.
func TestRowsAreIndependent(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, typ := range Types() {
		x := append(sample(r, 512), sample(r, 256)...)
		whole := make([]byte, typ.RowBytes(768))
		Encode(typ, whole, x, nil)
		apart := make([]byte, len(whole))
		Encode(typ, apart[:typ.RowBytes(512)], x[:512], nil)
		Encode(typ, apart[typ.RowBytes(512):], x[512:], nil)
		if string(whole) != string(apart) {
			t.Errorf("%v: rows depend on each other", typ)
		}
	}
}

// Values at the ends of float32 end in blocks that decode without a panic.
func TestExtremeValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, typ := range Types() {
		for _, v := range []float32{0, 1e-44, math.MaxFloat32, -math.MaxFloat32, inf, -inf, nan} {
			for _, importance := range [][]float32{nil, make([]float32, 256)} {
				x := make([]float32, 256)
				x[3], x[200] = v, -v
				roundTrip(typ, x, importance)
			}
		}
	}
}

func TestParseType(t *testing.T) {
	for _, typ := range Types() {
		for _, s := range []string{typ.String(), "q" + typ.String()[1:]} {
			if got, err := ParseType(s); err == nil && got != typ {
				t.Errorf("%q is %v", s, got)
			}
		}
	}
	if _, err := ParseType("Q9_Z"); err == nil {
		t.Error("Q9_Z accepted")
	}
	if s := Type(17).String(); s != "type(17)" || Type(17).Known() || Type(17).RowBytes(256) != 0 {
		t.Errorf("an unknown type: %s", s)
	}
}

// FuzzDecode: any bytes decode, and the integer form of any bytes agrees with them unless a scale is not finite.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), []byte{0x00, 0x3c, 1, 2, 3})
	f.Add(uint8(5), []byte{0xff, 0x7c, 0xff})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		typ := Types()[int(which)%len(Types())]
		b := make([]byte, typ.RowBytes(256))
		copy(b, data)
		y := make([]float32, 256)
		Decode(typ, y, b)
		if !typ.Quantized() {
			return
		}
		form := FormOf(typ)
		levels, s := make([]uint8, 256), form.NewScales(256)
		Levels(typ, b, levels, s)
		for i, v := range y {
			got := valueOf(form, s, levels[i], i)
			if got != v && v == v {
				t.Fatalf("%v: element %d: %v, decoded %v", typ, i, got, v)
			}
		}
	})
}

// The largest magnitude is found wherever it stands, and NaN and infinity are not overlooked.
func TestLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for n := range 70 {
		x := sample(r, n+1)[:n]
		var want float32
		for _, v := range x {
			want = max(want, abs(v))
		}
		if got := Largest(x); got != want {
			t.Fatalf("of %v: %g, want %g", x, got, want)
		}
		for i := range x {
			old := x[i]
			x[i] = float32(math.Inf(-1))
			if !math.IsInf(float64(Largest(x)), 1) {
				t.Fatalf("%d numbers: infinity at %d is overlooked", n, i)
			}
			x[i] = float32(math.Copysign(math.NaN(), -1))
			if v := Largest(x); v == v {
				t.Fatalf("%d numbers: NaN at %d is overlooked", n, i)
			}
			x[i] = old
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	eachType(b, func(t Type, x []float32, buf []byte) { Encode(t, buf, x, nil) })
}

func BenchmarkDecode(b *testing.B) {
	eachType(b, func(t Type, x []float32, buf []byte) { Decode(t, x, buf) })
}

// eachType reports the best of many runs as well, in MB of float32 per second: a mean says little on a busy machine.
func eachType(b *testing.B, run func(t Type, x []float32, buf []byte)) {
	for _, typ := range Types() {
		b.Run(typ.String(), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			x := make([]float32, 64*256)
			for i := range x {
				x[i] = float32(r.NormFloat64())
			}
			buf := make([]byte, typ.RowBytes(len(x)))
			Encode(typ, buf, x, nil)
			b.SetBytes(int64(4 * len(x)))
			best := time.Hour
			for b.Loop() {
				start := time.Now()
				run(typ, x, buf)
				best = min(best, time.Since(start))
			}
			b.ReportMetric(float64(4*len(x))/best.Seconds()/1e6, "best-MB/s")
		})
	}
}
