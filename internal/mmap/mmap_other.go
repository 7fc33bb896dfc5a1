//go:build !unix

package mmap

import "os"

// Open reads the whole file at path; unmap does nothing.
func Open(path string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	return data, func() error { return nil }, err
}
