//go:build !purego && !linux

package kernel

// requestTiles reports no tiles: leave to use them is asked in a way known here for Linux alone.
func requestTiles() bool { return false }

// Tiles reports whether this process may use AMX tiles.
func Tiles() bool { return requestTiles() }
