//go:build !unix

package recipe

import (
	"os"
	"path/filepath"
)

// lock opens the lock file; on this system two processes in one run directory are not kept apart here, only by the
// dataset's own lock.
func lock(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
}
