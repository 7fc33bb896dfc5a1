//go:build !unix

package dataset

import (
	"errors"
	"io/fs"
	"os"
)

// lockFile takes path's lock for this process, or fails with ErrLocked. Without flock the lock is a file that only
// one process can hold open for writing and that the next one removes if nobody does.
func lockFile(path string) (*os.File, error) {
	os.Remove(path) // fails while another process has it open
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrLocked
	}
	return file, err
}

// syncFolder does nothing: where there is no flock, folders cannot be synced either.
func syncFolder(string) error { return nil }
