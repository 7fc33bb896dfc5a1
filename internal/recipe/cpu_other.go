//go:build !unix

package recipe

// processorSeconds is not known on this system.
func processorSeconds() float64 { return 0 }
