package kernel

import (
	"fmt"
	"os"
	"strings"
)

//go:generate go run ./_asm

// Variable names the environment variable that forces an implementation.
const Variable = "DISTILL_KERNEL"

// active is the implementation in use. It is a feature gate: set once at start, and by tests.
var active, selectErr = choose(os.Getenv(Variable), available())

// Implementation names the implementation in use: purego, avx2, avx512, amx or neon.
func Implementation() string { return active.name }

// Check returns an error if DISTILL_KERNEL names an implementation that this machine does not have;
// the best one is in use then.
func Check() error { return selectErr }

// DefaultPrecision is what this machine trains fastest in: BF16 with AMX tiles, else FP32.
func DefaultPrecision() Precision {
	if active.name == "amx" {
		return BF16
	}
	return FP32
}

// choose picks by name from implementations ordered from worst to best; no name means the best.
func choose(name string, from []*routines) (*routines, error) {
	best := from[len(from)-1]
	if name == "" {
		return best, nil
	}
	var names []string
	for _, r := range from {
		if r.name == name {
			return r, nil
		}
		names = append(names, r.name)
	}
	return best, fmt.Errorf("kernel: %s=%s is not available here, only %s", Variable, name, strings.Join(names, ", "))
}
