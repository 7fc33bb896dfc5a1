//go:build unix

package recipe

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/seed-d24fde5f/distill/internal/hint"
)

// lock takes the run directory for this process; the system gives it back when the process ends, however it ends.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, hint.Errorf("wait for it, or give this one another --dir", "%s: another process is running there", dir)
	}
	return f, nil
}
