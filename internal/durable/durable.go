// Package durable keeps files whole whatever happens: a reader, or a crash at any moment, finds what was there before or
// what was written, never a part of it. And it keeps two processes from writing the same folder.
//
//	err := durable.WriteFile(path, data)
//	held, err := durable.Lock(filepath.Join(dir, ".lock"))
//	defer held.Close()
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// ErrLocked says that another process holds a lock.
var ErrLocked = errors.New("another process holds the lock")

// WriteFile replaces the file at path by one with this content.
func WriteFile(path string, data []byte) error {
	return Write(path, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// Write replaces the file at path by what write puts into it. Until it is whole and on the disk it stands beside path,
// under a name that ends in .tmp: all that a crash can leave behind.
func Write(path string, write func(*os.File) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*.tmp")
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = errors.Join(f.Chmod(0o644), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return SyncFolder(dir)
}
