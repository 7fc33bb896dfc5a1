//go:build !linux

package host

// FreeDisk is not known on this system.
func FreeDisk(string) int64 { return 0 }
