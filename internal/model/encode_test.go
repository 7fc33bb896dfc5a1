package model

import (
	"io"
	"math"
	"strings"
	"testing"
)

// Numbers that a format cannot hold are refused by name, and no other file type minds them.
func TestNumbersThatDoNotFit(t *testing.T) {
	m, err := Random(shapes["llama"], nil, 3)
	if err != nil {
		t.Fatal(err)
	}
	const name = "blk.1.ffn_down.weight"
	for _, c := range []struct {
		value   float32
		format  string
		problem string // "" for none
	}{
		{70000, "F16", "beyond F16"}, {70000, "BF16", ""}, {70000, "Q8_0", ""}, {65504, "F16", ""},
		{float32(math.NaN()), "Q8_0", "NaN"}, {float32(math.Inf(-1)), "Q4_K_M", "Inf"}, {float32(math.NaN()), "F16", "NaN"}, {float32(math.NaN()), "F32", "NaN"},
	} {
		w, err := m.Float32(name)
		if err != nil {
			t.Fatal(err)
		}
		w[len(w)-1] = c.value
		broken := m.With(map[string]func() []float32{name: func() []float32 { return w }})
		err = EncodeGGUF(io.Discard, broken, mustPlan(t, m.Config, c.format))
		if c.problem == "" && err != nil || c.problem != "" && (err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), name)) {
			t.Errorf("%g as %s: %v, want %q", c.value, c.format, err, c.problem)
		}
	}
}
