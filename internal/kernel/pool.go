package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Pool is a set of persistent workers. The caller of a method works along, so a pool of n threads
// keeps n−1 goroutines. A nil *Pool is valid and runs everything on the caller.
//
// Workers look for work for half a millisecond after a job and then sleep until the next one: a
// region costs a microsecond or two while training is busy and nothing when the program is idle.
// Items are claimed one by one, so a worker that the operating system does not schedule (an
// oversubscribed machine, an exhausted CPU quota) delays nothing but the item it already holds.
type Pool struct {
	busy    sync.Mutex    // held by the job that runs
	task    Task          // of the running job; read only after an item of it was claimed
	state   atomic.Uint64 // number of items << 32 | next item
	done    atomic.Int64  // finished items
	asleep  atomic.Int32  // workers waiting on wake
	waiting atomic.Bool   // the caller waits on finished
	closed  atomic.Bool

	threads  int
	wake     chan struct{}
	finished chan struct{}
	workers  sync.WaitGroup
}

// Task is work in numbered items. Do is called once for each item, from several goroutines.
type Task interface{ Do(item int) }

// patience is how long a thread looks for what it waits for before it sleeps. Waking one takes longer
// than most loops of a step, and the last item of a job keeps the others waiting for some hundred
// microseconds.
const patience = 500 * time.Microsecond

// wait counts how long a thread has been looking.
type wait struct {
	looks int
	until time.Time
}

// over pauses and reports whether it is time to sleep.
func (w *wait) over() bool {
	pause()
	if w.looks++; w.looks%64 != 0 {
		return false
	}
	now := time.Now()
	if w.until.IsZero() {
		w.until = now.Add(patience)
	}
	return now.After(w.until)
}

// NewPool returns a pool of that many threads. Zero or less means runtime.GOMAXPROCS, which honours
// the processors the process may use and, on Linux, its cgroup CPU quota. Close it after use.
func NewPool(threads int) *Pool {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	p := &Pool{threads: threads, wake: make(chan struct{}, threads), finished: make(chan struct{}, 1)}
	for range threads - 1 {
		p.workers.Go(p.work)
	}
	return p
}

// Threads returns the number of threads, the caller included; 1 for a nil pool.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Close ends the workers and waits for them. The pool still works afterwards, on the caller alone.
func (p *Pool) Close() {
	if p == nil || p.closed.Swap(true) {
		return
	}
	p.busy.Lock() // a running job still wakes workers
	close(p.wake)
	p.busy.Unlock()
	p.workers.Wait()
}

// For calls body(i) for every i in [0, n), in any order, on all threads, and returns when all calls
// have. A closure that captures variables costs its caller an allocation; Run does not.
func (p *Pool) For(n int, body func(i int)) { p.Run(n, forBody(body)) }

type forBody func(int)

func (f forBody) Do(i int) { f(i) }

// Run calls t.Do(i) for every i in [0, n) on all threads and returns when all calls have. A Run
// within a Run, or beside another one on the same pool, is done by its caller alone.
func (p *Pool) Run(n int, t Task) {
	if p == nil || p.threads == 1 || n <= 1 || uint64(n) > 1<<31 || !p.busy.TryLock() {
		serial(n, t)
		return
	}
	defer p.busy.Unlock()
	if p.closed.Load() {
		serial(n, t)
		return
	}
	p.task = t
	p.done.Store(0)
	p.state.Store(uint64(n) << 32)
	for range min(int(p.asleep.Load()), n-1) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	for p.step() {
	}
	p.await(int64(n))
	p.task = nil
}

func serial(n int, t Task) {
	for i := range n {
		t.Do(i)
	}
}

// step claims and does one item of the running job; it reports false when none is left.
func (p *Pool) step() bool {
	for {
		s := p.state.Load()
		n, next := s>>32, s&(1<<32-1)
		if next >= n {
			return false
		}
		if !p.state.CompareAndSwap(s, s+1) {
			continue
		}
		// The claim holds the job open: task changes only after every claimed item is done.
		p.task.Do(int(next))
		if p.done.Add(1) == int64(n) && p.waiting.Swap(false) {
			p.finished <- struct{}{}
		}
		return true
	}
}

// await returns when n items are done.
func (p *Pool) await(n int64) {
	for w := (wait{}); !w.over(); {
		if p.done.Load() == n {
			return
		}
	}
	p.waiting.Store(true)
	if p.done.Load() == n && p.waiting.Swap(false) {
		return
	}
	<-p.finished
}

func (p *Pool) work() {
	for {
		for w := (wait{}); !w.over(); {
			if p.step() {
				w = wait{}
			}
		}
		p.asleep.Add(1)
		if s := p.state.Load(); s&(1<<32-1) < s>>32 {
			p.asleep.Add(-1)
			continue
		}
		_, open := <-p.wake
		p.asleep.Add(-1)
		if !open {
			return
		}
	}
}

// blockRange returns the bounds of a block where [0, n) is cut into blocks of size; the last may be shorter.
func blockRange(block, size, n int) (lo, hi int) { return block * size, min(n, (block+1)*size) }

// blockCount returns how many blocks of size cover n.
func blockCount(n, size int) int { return (n + size - 1) / size }
