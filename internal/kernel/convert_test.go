package kernel

import (
	"math"
	"testing"
)

// conversionInputs are float32 of every exponent and of all ways to round.
func conversionInputs() (x []float32) {
	r := newRand(5)
	for e := range 256 {
		for _, m := range []uint32{
			0, 1, 0xfff, 0x1000, 0x1001, 0x2fff, 0x3000, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000,
			0x3fffff, 0x400000, 0x7fffff, r.Uint32() & 0x7fffff,
		} {
			bits := uint32(e)<<23 | m
			x = append(x, math.Float32frombits(bits), math.Float32frombits(bits|1<<31))
		}
	}
	return x
}

// TestConvert holds the bits of all conversions to the reference, for every length and implementation.
func TestConvert(t *testing.T) {
	x := conversionInputs()
	for n := range 40 {
		x = append(x, x[n*31:n*32]...) // odd lengths in the middle
	}
	all := make([]uint16, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	eachImplementation(t, func(t *testing.T) {
		for _, c := range []struct {
			name          string
			to, reference func([]uint16, []float32)
		}{{"bf16", ToBF16, toBF16Reference}, {"f16", ToF16, toF16Reference}} {
			for n := 0; n < 70; n++ {
				compareHalf(t, c.name, c.to, c.reference, x[n*13:n*14])
			}
			compareHalf(t, c.name, c.to, c.reference, x)
		}
		for _, c := range []struct {
			name            string
			from, reference func([]float32, []uint16)
		}{{"bf16", FromBF16, fromBF16Reference}, {"f16", FromF16, fromF16Reference}} {
			for n := 0; n < 70; n++ {
				compareWide(t, c.name, c.from, c.reference, all[n*13:n*14])
			}
			compareWide(t, c.name, c.from, c.reference, all)
		}
	})
}

func compareHalf(t *testing.T, name string, to, reference func([]uint16, []float32), x []float32) {
	t.Helper()
	got, want := make([]uint16, len(x)), make([]uint16, len(x))
	to(got, x)
	reference(want, x)
	for i := range x {
		tiny := name == "f16" && math.Abs(float64(x[i])) < 0x1p-126 // may count as zero
		if got[i] != want[i] && !(tiny && got[i]&0x7fff == 0) {
			t.Fatalf("%s of %x is %04x, want %04x", name, math.Float32bits(x[i]), got[i], want[i])
		}
	}
}

func compareWide(t *testing.T, name string, from, reference func([]float32, []uint16), x []uint16) {
	t.Helper()
	got, want := make([]float32, len(x)), make([]float32, len(x))
	from(got, x)
	reference(want, x)
	for i := range x {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s %04x is %x, want %x", name, x[i], math.Float32bits(got[i]), math.Float32bits(want[i]))
		}
	}
}

// TestReferenceF16 compares the reference with the format's definition, NaN aside.
func TestReferenceF16(t *testing.T) {
	for i := range 1 << 16 {
		h := uint16(i)
		sign, exponent, mantissa := 1-2*float64(h>>15), int(h>>10&31), float64(h&0x3ff)
		want := sign * math.Ldexp(1024+mantissa, exponent-25)
		switch exponent {
		case 0:
			want = sign * math.Ldexp(mantissa, -24)
		case 31:
			if mantissa != 0 {
				continue
			}
			want = math.Inf(int(sign))
		}
		if got := float64(f16Value(h)); got != want {
			t.Fatalf("value of %04x is %g, want %g", h, got, want)
		}
	}
	for h := uint16(0); h < 0x7c00; h++ { // every half value rounds to itself, and midpoints to even
		v, above := f16Value(h), float64(f16Value(h+1))
		if h == 0x7bff {
			above = 65536
		}
		middle := (float64(v) + above) / 2
		even := h + h&1
		if f16Bits(v) != h || f16Bits(float32(middle)) != even {
			t.Fatalf("%04x: value goes to %04x, midpoint above it to %04x", h, f16Bits(v), f16Bits(float32(middle)))
		}
	}
}
