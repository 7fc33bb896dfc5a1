package host

import (
	"os"
	"path/filepath"
	"syscall"
)

// FreeDisk returns the free bytes of the disk that holds dir, or will.
func FreeDisk(dir string) int64 {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // Bsize is an int32 on 32-bit machines
}
