//go:build !linux

package recipe

// freeBytes is not known on this system.
func freeBytes(string) int64 { return 0 }

// availableMemory is not known on this system.
func availableMemory() int64 { return 0 }
