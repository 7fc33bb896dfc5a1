package kernel

import "sync"

// recycler keeps task records and their scratch slices between calls, so that calls do not allocate.
type recycler[T any] struct{ pool sync.Pool }

func newRecycler[T any]() *recycler[T] {
	return &recycler[T]{pool: sync.Pool{New: func() any { return new(T) }}}
}

func (r *recycler[T]) get() *T  { return r.pool.Get().(*T) }
func (r *recycler[T]) put(t *T) { r.pool.Put(t) }

// grow returns s with length n, in new memory if its capacity is too small. Contents are undefined.
func grow[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}
