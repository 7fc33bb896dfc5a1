package half

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/float16"
)

// Every one of the 65,536 binary16 patterns decodes to its value by definition, in float64 arithmetic.
func TestFromF16IsItsDefinition(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		sign, exp, frac := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
		var want float64
		switch exp {
		case 0:
			want = math.Ldexp(frac, -24)
		case 31:
			want = math.Inf(1)
			if frac != 0 {
				want = math.NaN()
			}
		default:
			want = math.Ldexp(1024+frac, exp-25)
		}
		got := FromF16(h)
		if math.IsNaN(want) {
			if got == got {
				t.Fatalf("FromF16(%#04x) = %g, want NaN", h, got)
			}
			continue
		}
		if float64(got) != sign*want || math.Signbit(float64(got)) != (sign < 0) {
			t.Fatalf("FromF16(%#04x) = %g, want %g", h, got, sign*want)
		}
		if back := F16(got); back != h {
			t.Fatalf("F16(%g) = %#04x, want %#04x", got, back, h)
		}
		if want := float16.New(got); want.Uint16() != h && exp != 0 { // arrow flushes some subnormals
			t.Fatalf("arrow disagrees at %#04x: %#04x", h, want.Uint16())
		}
	}
}

// Between two neighbours the nearer is chosen, and of two equally near the even one.
func TestRoundingToNearestEven(t *testing.T) {
	for _, f := range []struct {
		name   string
		encode func(float32) uint16
		decode func(uint16) float32
		last   uint16 // bits of the largest finite value
	}{{"F16", F16, FromF16, 0x7bff}, {"BF16", BF16, FromBF16, 0x7f7f}} {
		for h := range f.last {
			lo, hi := f.decode(h), f.decode(h+1)
			mid, _ := new(big.Float).Quo(new(big.Float).Add(big.NewFloat(float64(lo)), big.NewFloat(float64(hi))), big.NewFloat(2)).Float32()
			even := h + h&1
			for _, c := range []struct {
				x    float32
				want uint16
			}{{lo, h}, {mid, even}, {math.Nextafter32(mid, 0), h}, {math.Nextafter32(mid, hi), h + 1}} {
				if c.x < lo || c.x > hi || (c.x != mid && (c.x-lo == hi-c.x)) {
					continue
				}
				if got := f.encode(c.x); got != c.want {
					t.Fatalf("%s(%g) = %#04x, want %#04x", f.name, c.x, got, c.want)
				}
				if got := f.encode(-c.x); got != c.want|0x8000 {
					t.Fatalf("%s(%g) = %#04x, want %#04x", f.name, -c.x, got, c.want|0x8000)
				}
			}
		}
	}
}

func TestSpecialValues(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct {
		x    float32
		want uint16
	}{{inf, 0x7c00}, {-inf, 0xfc00}, {65504, 0x7bff}, {65519.996, 0x7bff}, {65520, 0x7c00}, {math.MaxFloat32, 0x7c00},
		{0x1p-24, 1}, {0x1p-25, 0}, {0x1.8p-25, 1}, {math.SmallestNonzeroFloat32, 0}} {
		if got := F16(c.x); got != c.want {
			t.Errorf("F16(%g) = %#04x, want %#04x", c.x, got, c.want)
		}
	}
	if x := FromF16(F16(nan)); x == x {
		t.Error("NaN did not survive binary16")
	}
	for _, bits := range []uint32{0x7fc00000, 0x7f800001, 0xff800001} { // the payload of the second has only low bits
		if x := FromBF16(BF16(math.Float32frombits(bits))); x == x {
			t.Errorf("NaN %#x did not survive bfloat16", bits)
		}
	}
	if BF16(inf) != 0x7f80 || BF16(math.MaxFloat32) != 0x7f80 {
		t.Error("bfloat16 infinities")
	}
}

func TestSlicesAgreeWithScalars(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 70 {
		src := make([]float32, n)
		for i := range src {
			src[i] = math.Float32frombits(rng.Uint32())
		}
		buf, got := make([]byte, 2*n), make([]float32, n)
		for _, f := range []struct {
			encode func([]byte, []float32)
			decode func([]float32, []byte)
			round  func(float32) float32
		}{
			{EncodeF16, DecodeF16, func(x float32) float32 { return FromF16(F16(x)) }},
			{EncodeBF16, DecodeBF16, func(x float32) float32 { return FromBF16(BF16(x)) }},
		} {
			f.encode(buf, src)
			f.decode(got, buf)
			for i := range got {
				if want := f.round(src[i]); math.Float32bits(got[i]) != math.Float32bits(want) {
					t.Fatalf("n=%d: element %d of %g became %g, want %g", n, i, src[i], got[i], want)
				}
			}
		}
	}
}

func BenchmarkDecodeF16(b *testing.B) {
	src, dst := make([]byte, 1<<16), make([]float32, 1<<15)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		DecodeF16(dst, src)
	}
}
