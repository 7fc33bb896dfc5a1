//go:build !unix

package durable

import (
	"errors"
	"io/fs"
	"os"
)

// Lock takes the lock that the file at path stands for, until the file is closed, or fails with ErrLocked. Without flock
// the lock is a file that only one process can have open for writing, and that the next one removes if nobody has.
func Lock(path string) (*os.File, error) {
	os.Remove(path) // fails while another process has it open
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrLocked
	}
	return f, err
}

// SyncFolder does nothing: where there is no flock, folders cannot be synced either.
func SyncFolder(string) error { return nil }
