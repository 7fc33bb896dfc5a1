//go:build purego || !(amd64 || arm64)

package panel

// available lists plain Go alone.
func available() []*routines { return []*routines{&reference} }
