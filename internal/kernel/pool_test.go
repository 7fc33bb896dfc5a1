package kernel

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestPoolRunsEveryItemOnce is run with more threads than cores, for jobs of every small size.
func TestPoolRunsEveryItemOnce(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, threads := range []int{1, 2, 7} {
		p := NewPool(threads)
		for n := range 200 {
			counts := make([]atomic.Int32, n)
			p.For(n, func(i int) { counts[i].Add(1) })
			for i := range counts {
				if c := counts[i].Load(); c != 1 {
					t.Fatalf("%d threads, %d items: item %d done %d times", threads, n, i, c)
				}
			}
		}
		p.Close()
	}
}

// TestPoolWakesSleepers lets the workers fall asleep between jobs.
func TestPoolWakesSleepers(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 20 {
		for p.asleep.Load() < 2 {
			time.Sleep(time.Millisecond)
		}
		var started sync3
		p.For(3, started.meet) // returns only if three goroutines are in the job at once
	}
}

// sync3 is a barrier for three.
type sync3 struct{ n atomic.Int32 }

func (b *sync3) meet(int) {
	b.n.Add(1)
	for b.n.Load() < 3 {
		time.Sleep(10 * time.Microsecond)
	}
}

func TestPoolNestsAndOutlivesClose(t *testing.T) {
	p := NewPool(4)
	var n atomic.Int32
	p.For(5, func(int) { p.For(5, func(int) { n.Add(1) }) })
	p.Close()
	p.Close()
	p.For(5, func(int) { n.Add(1) })
	var none *Pool
	none.For(5, func(int) { n.Add(1) })
	none.Close()
	if n.Load() != 35 {
		t.Fatalf("%d items done, want 35", n.Load())
	}
}

func TestPoolConcurrentCallers(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	var n atomic.Int64
	callers := NewPool(4)
	defer callers.Close()
	callers.For(4, func(int) {
		for range 500 {
			p.For(10, func(int) { n.Add(1) })
		}
	})
	if n.Load() != 20000 {
		t.Fatalf("%d items done, want 20000", n.Load())
	}
}

func BenchmarkPoolRegion(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	body := func(int) {}
	b.ReportAllocs()
	for b.Loop() {
		p.For(2, body)
	}
}
