package dataset

import (
	"fmt"
	"math/bits"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

// recycler is the memory of one reading: the buffers of a batch that was released serve the next, which has columns of
// about the same size. Clearing new ones took a quarter of the time of reading. It refuses the sizes that only a damaged or
// hostile file asks for: Arrow allocates what a compressed buffer says its contents take.
type recycler struct {
	mu   sync.Mutex // a batch may be released by another goroutine than the one that reads
	free [classes][][]byte
	held int
}

// Free buffers lie in classes by the bits of their capacity, so that one is found without looking at all: a stream of
// single rows frees thousands of small ones.
const (
	classes = 1 + 31 // up to maxMessage
	looked  = 8      // buffers of a class that are looked at for one of about the size
)

// heldMost is how many bytes wait to be used again.
const heldMost = 4 << 20

// Allocate implements [memory.Allocator]; what it returns is not cleared.
func (r *recycler) Allocate(size int) []byte {
	if size < 0 || size > maxMessage {
		panic(fmt.Sprintf("buffer of %d bytes: the limit is %d", size, maxMessage)) // recovered where batches are read
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	class := bits.Len(uint(size))
	for _, class := range []int{class, min(class+1, classes-1)} {
		free := r.free[class]
		for i := len(free) - 1; i >= max(0, len(free)-looked); i-- {
			if b := free[i]; cap(b) >= size && cap(b) <= 2*size {
				free[i] = free[len(free)-1]
				r.free[class] = free[:len(free)-1]
				r.held -= cap(b)
				return b[:size]
			}
		}
	}
	return memory.DefaultAllocator.Allocate(size)
}

// Reallocate implements [memory.Allocator].
func (r *recycler) Reallocate(size int, b []byte) []byte {
	if size >= 0 && size <= cap(b) {
		return b[:size]
	}
	larger := r.Allocate(size)
	copy(larger, b)
	r.Free(b)
	return larger
}

// Free implements [memory.Allocator].
func (r *recycler) Free(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := cap(b); n > 0 && r.held+n <= heldMost {
		class := bits.Len(uint(n))
		r.free[class] = append(r.free[class], b)
		r.held += n
	}
}
