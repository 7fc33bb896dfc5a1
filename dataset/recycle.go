package dataset

import (
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

// recycler is the memory of one reading: the buffers of a batch that was released serve the next, which has columns of
// about the same size. Clearing new ones took a quarter of the time of reading. It refuses the sizes that only a damaged or
// hostile file asks for: Arrow allocates what a compressed buffer says its contents take.
type recycler struct {
	mu   sync.Mutex // a batch may be released by another goroutine than the one that reads
	free [][]byte
	held int
}

// heldMost is how many bytes wait to be used again.
const heldMost = 4 << 20

// Allocate implements [memory.Allocator]; what it returns is not cleared.
func (r *recycler) Allocate(size int) []byte {
	if size < 0 || size > maxMessage {
		panic(fmt.Sprintf("buffer of %d bytes: the limit is %d", size, maxMessage)) // recovered where batches are read
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	best := -1
	for i, b := range r.free {
		if n := cap(b); n >= size && n <= 2*size && (best < 0 || n < cap(r.free[best])) {
			best = i
		}
	}
	if best < 0 {
		return memory.DefaultAllocator.Allocate(size)
	}
	b := r.free[best]
	last := len(r.free) - 1
	r.free[best] = r.free[last]
	r.free = r.free[:last]
	r.held -= cap(b)
	return b[:size]
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
		r.free = append(r.free, b)
		r.held += n
	}
}
