package opcode

import (
	"strings"
	"testing"
)

// TestInstructions compares with what GNU as makes of the same instructions.
func TestInstructions(t *testing.T) {
	for got, want := range map[string]string{
		TileConfigure("AX"):            "c4 e2 78 49 00",
		TileRelease():                  "c4 e2 78 49 c0",
		TileZero(3):                    "c4 e2 7b 49 d8",
		TileLoad(0, "DX", "R10", 0):    "c4 a2 7b 4b 04 12",
		TileLoad(1, "DX", "R10", 64):   "c4 a2 7b 4b 4c 12 40",
		TileLoad(3, "R12", "R10", 64):  "c4 82 7b 4b 5c 14 40",
		TileLoad(7, "DI", "BX", 1024):  "c4 e2 7b 4b bc 1f 00 04 00 00",
		TileStore(2, "R12", "R10", 0):  "c4 82 7a 4b 14 14",
		TileProductBF16(0, 4, 6):       "c4 e2 4a 5c c4",
		TileProductBF16(3, 5, 7):       "c4 e2 42 5c dd",
		TileProductInt8(2, 5, 6):       "c4 e2 4b 5e d5",
		TileConfigure("CX"):            "c4 e2 78 49 01",
		TileStore(1, "R13", "R12", 0):  "c4 82 7a 4b 4c 25 00",
		TileLoad(4, "R8", "R10", 4096): "c4 82 7b 4b a4 10 00 10 00 00",
		RoundPair(17, 9, 25):           "62 c2 37 40 72 c9",
		RoundPair(0, 0, 1):             "62 f2 77 48 72 c0",
	} {
		code, _, _ := strings.Cut(got, " //")
		code = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(code), "BYTE $0x", ""), ";", "")
		if code != want {
			t.Errorf("%s: want %s", strings.TrimSpace(got), want)
		}
	}
}
