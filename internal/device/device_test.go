package device

import (
	"path/filepath"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func measured(device, sum string, bytes int64, perSecond float64) Measurement {
	return Measurement{Device: device, Sum: sum, Speed: workbench.Speed{WeightBytes: bytes, DecodeTokensPerS: perSecond}}
}

// TestMeasuredCountsFirst: a device's speed is scaled from the measurement of the file nearest in size, from what was
// published where none is near, and a device that was measured alone is known by that.
func TestMeasuredCountsFirst(t *testing.T) {
	const name = "Raspberry Pi 5"
	all := With([]Measurement{
		measured(name+" Model B Rev 1.0", "a", 100e6, 50), measured(name+" Model B Rev 1.0", "b", 300e6, 20), measured("Some Board", "a", 100e6, 7),
	})
	if len(all) != len(Published)+1 {
		t.Fatalf("%d devices", len(all))
	}
	if len(Published[0].Measured) > 0 {
		t.Error("the published devices have been changed")
	}
	pi, board := all[0], all[len(all)-1]
	for _, c := range []struct {
		device   Device
		bytes    int64
		want     float64
		measured bool
	}{
		{pi, 100e6, 50, true}, {pi, 50e6, 100, true}, {pi, 310e6, 20 * 300.0 / 310, true},
		{pi, 2e9, pi.BytesPerS / 2e9, false}, {pi, 1, pi.MostTokensPerS, false},
		{board, 200e6, 3.5, true}, {board, 2e9, 0, false},
	} {
		got, measured, fits := c.device.DecodeTokensPerS(c.bytes)
		if got < c.want*0.999 || got > c.want*1.001 || measured != c.measured || !fits {
			t.Errorf("%s, %d bytes: %g tokens/s, measured %t, fits %t; want %g, %t", c.device.Name, c.bytes, got, measured, fits, c.want, c.measured)
		}
	}
	if _, _, fits := pi.DecodeTokensPerS(pi.Memory); fits {
		t.Error("a model as large as the memory fits")
	}
}

// TestKeep: a newer measurement of the same file takes the older one's place, others stay.
func TestKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "below", "devices.json")
	if all, err := Read(path); err != nil || len(all) > 0 {
		t.Fatalf("before anything was kept: %v, %v", all, err)
	}
	for _, m := range []Measurement{measured("pi", "a", 1, 1), measured("pi", "b", 1, 2), measured("board", "a", 1, 3), measured("pi", "a", 1, 4)} {
		if err := Keep(path, []Measurement{m}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := Read(path)
	if err != nil || len(all) != 3 {
		t.Fatalf("%+v, %v", all, err)
	}
	if last := all[len(all)-1]; last.Device != "pi" || last.Sum != "a" || last.Speed.DecodeTokensPerS != 4 {
		t.Errorf("the newest is %+v", last)
	}
}
