package panel

import "github.com/seed-d24fde5f/distill/internal/kernel"

//go:generate go run ./_asm

// active is the implementation in use. It is a feature gate: set once at start, and by tests.
var active = choose(kernel.Implementation(), available())

// choose returns the best implementation that stays within what package kernel uses, so that its DISTILL_KERNEL holds
// here too.
func choose(of string, from []*routines) *routines {
	best := from[0]
	for _, r := range from {
		switch of {
		case "purego":
		case "avx2":
			if r.name == "avx2" {
				best = r
			}
		case "avx512":
			if r.name != "amx" {
				best = r
			}
		default:
			best = r
		}
	}
	return best
}
