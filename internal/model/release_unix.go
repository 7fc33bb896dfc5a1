//go:build unix

package model

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// release tells the system that pages wholly inside data, which must be part of a file's read-only map, are not needed
// for now. They are read again from the file when touched.
func release(data []byte) {
	page := uintptr(os.Getpagesize())
	start := uintptr(unsafe.Pointer(unsafe.SliceData(data)))
	skip := (page - start%page) % page
	if uintptr(len(data)) <= skip {
		return
	}
	n := (uintptr(len(data)) - skip) / page * page
	if n > 0 {
		_ = unix.Madvise(data[skip:skip+n], unix.MADV_DONTNEED) // advice; nothing is lost if it is not taken
	}
}
