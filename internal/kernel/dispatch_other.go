//go:build purego || !(amd64 || arm64)

package kernel

// available lists plain Go alone.
func available() []*routines { return []*routines{&reference} }

func pause() {}
