//go:build unix

package panel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// leastOutside is the size from which weights lie outside of Go's heap.
const leastOutside = 64 << 10

// outside returns n zeros, which the matrix keeps: outside of Go's heap, where they are many, until the matrix is collected.
// The heap may grow to twice what lives in it before it is swept, and with the weights in it that would be the size of
// the model once more.
func outside[T any](m *Matrix, n int) []T {
	size := n * int(unsafe.Sizeof(*new(T)))
	if size < leastOutside {
		return make([]T, n)
	}
	data, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return make([]T, n)
	}
	runtime.AddCleanup(m, func(data []byte) { _ = unix.Munmap(data) }, data)
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(data))), n)
}
