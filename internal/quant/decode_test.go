package quant

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDecodeFromLevels holds every quantized type, on blocks of random bytes, to its integer form, element by element, at
// odd addresses and within guards.
func TestDecodeFromLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, typ := range Types() {
		if !typ.Quantized() {
			continue
		}
		for blocks := 1; blocks < 20; blocks++ {
			n := blocks * typ.BlockSize()
			bytes := make([]byte, typ.RowBytes(n)+1)[1:]
			for i := range bytes {
				bytes[i] = byte(r.Uint32())
			}
			finite(typ, bytes)
			form := FormOf(typ)
			levels, s := make([]uint8, n), form.NewScales(n)
			Levels(typ, bytes, levels, s)
			guarded := make([]float32, n+2)
			guarded[0], guarded[n+1] = 7, 7
			Decode(typ, guarded[1:n+1], bytes)
			if guarded[0] != 7 || guarded[n+1] != 7 {
				t.Fatalf("%v: %d blocks: written outside", typ, blocks)
			}
			for i, got := range guarded[1 : n+1] {
				want := valueOf(form, s, levels[i], i)
				if math.Float32bits(got) != math.Float32bits(want) && got != want { // −0 is 0
					t.Fatalf("%v: element %d of %d: %v, want %v", typ, i, n, got, want)
				}
			}
		}
	}
}

// finite makes the halves of each block, its scales, small numbers.
func finite(t Type, b []byte) {
	at := map[Type][]int{Q2_K: {81, 83}, Q3_K: {109}, Q6_K: {209}, Q8_0: {1}, Q4_0: {1}, Q5_0: {1}}[t]
	if at == nil {
		at = []int{1, 3}
	}
	for size := t.BlockBytes(); len(b) > 0; b = b[size:] {
		for _, i := range at {
			b[i] &^= 0x40
		}
	}
}

// TestScaleLevels holds the implementation in use to the reference, for every byte and number of groups.
func TestScaleLevels(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 6))
	for groups := 1; groups <= 16; groups++ {
		levels := make([]uint8, groups*groupSize)
		scale, minimum := sample(r, groups), sample(r, groups)
		for i := range levels {
			levels[i] = uint8(i + 16*groups)
		}
		got, want := make([]float32, len(levels)+1), make([]float32, len(levels))
		scaleLevels(got[:len(levels)], levels, scale, minimum)
		scaleLevelsReference(want, levels, scale, minimum)
		for i, w := range want {
			if math.Float32bits(got[i]) != math.Float32bits(w) {
				t.Fatalf("%d groups, element %d: %v, want %v", groups, i, got[i], w)
			}
		}
		if got[len(levels)] != 0 {
			t.Fatalf("%d groups: written beyond", groups)
		}
	}
}

// TestSpread gives each byte its bit.
func TestSpread(t *testing.T) {
	for bits := range uint32(256) {
		for i := range 8 {
			if got := spread(bits) >> (8 * i) & 0xff; got != uint64(bits>>i&1) {
				t.Fatalf("byte %d of %08b is %d", i, bits, got)
			}
		}
	}
}
