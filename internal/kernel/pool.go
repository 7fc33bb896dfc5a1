package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"
)

// Pool is a set of persistent workers. The caller of a method works along, so a pool of n threads
// keeps n−1 goroutines. A nil *Pool is valid and runs everything on the caller.
//
// Every thread has a lane of items: of n threads, thread i has the items i, i+n, i+2n, … When its lane is empty it takes
// from the others', item by item, so a worker that the operating system does not schedule (an oversubscribed machine, an
// exhausted CPU quota) delays nothing but the item it already holds. The same task meets the same threads again, as a
// rule, and finds in their caches what they left there.
//
// Workers look for work for half a millisecond after a job and then sleep until the next one: a region costs half a microsecond while
// training or generation is busy and nothing when the program is idle.
type Pool struct {
	lanes   []lane // one for each thread; the caller's is the first
	_       cpu.CacheLinePad
	done    atomic.Int64 // finished items, as far as reported
	_       cpu.CacheLinePad
	asleep  atomic.Int32 // workers waiting on wake
	waiting atomic.Bool  // the caller waits on finished
	closed  atomic.Bool

	busy     sync.Mutex // held by the job that runs
	wake     chan struct{}
	finished chan struct{}
	workers  sync.WaitGroup
}

// lane is the share of one thread. It has a cache line of its own, with all that its thread needs to begin: a line that all
// threads write would travel from core to core for every item, which costs more than a small item.
type lane struct {
	state atomic.Uint64 // items << 32 | claimed ones
	task  Task          // read, like items, only while an item is claimed and not reported
	items int64         // of the job
	_     cpu.CacheLinePad
}

// Task is work in numbered items. Do is called once for each item, from several goroutines.
type Task interface{ Do(item int) }

// patience is how long a thread looks for what it waits for before it sleeps. Waking one takes longer than most loops of a
// training step and most products of a token, and the last item of a job keeps the others waiting for some hundred
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
	p := &Pool{lanes: make([]lane, threads), wake: make(chan struct{}, threads), finished: make(chan struct{}, 1)}
	for i := 1; i < threads; i++ {
		p.workers.Go(func() { p.serve(i) })
	}
	return p
}

// Threads returns the number of threads, the caller included; 1 for a nil pool.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return len(p.lanes)
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
	if p == nil || len(p.lanes) == 1 || n <= 1 || uint64(n) > 1<<31 || !p.busy.TryLock() {
		serial(n, t)
		return
	}
	defer p.busy.Unlock()
	if p.closed.Load() {
		serial(n, t)
		return
	}
	p.done.Store(0)
	threads := len(p.lanes)
	for i := range p.lanes {
		l := &p.lanes[i]
		l.task, l.items = t, int64(n)
		l.state.Store(uint64((n+threads-1-i)/threads) << 32)
	}
	for range min(int(p.asleep.Load()), n-1) {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
	p.work(0)
	p.await(int64(n))
	for i := range p.lanes {
		p.lanes[i].task = nil
	}
}

func serial(n int, t Task) {
	for i := range n {
		t.Do(i)
	}
}

// work does what is left of a thread's lane and then of the others', and reports it; it returns whether there was anything.
func (p *Pool) work(thread int) bool {
	var finished, items int64
	for i := range p.lanes {
		from := thread + i
		if from >= len(p.lanes) {
			from -= len(p.lanes)
		}
		l := &p.lanes[from]
		for {
			s := l.state.Load()
			if s&(1<<32-1) >= s>>32 {
				break
			}
			if l.state.CompareAndSwap(s, s+1) {
				// The claim holds the job open: the next one begins after every item is reported.
				l.task.Do(from + int(s&(1<<32-1))*len(p.lanes))
				finished++
				items = l.items
			}
		}
	}
	if finished == 0 {
		return false
	}
	if p.done.Add(finished) == items && p.waiting.Swap(false) {
		p.finished <- struct{}{}
	}
	return true
}

// open reports whether a lane has items left.
func (l *lane) open() bool {
	s := l.state.Load()
	return s&(1<<32-1) < s>>32
}

// await returns when n items are reported.
func (p *Pool) await(n int64) {
	for {
		for w := (wait{}); !w.over(); {
			if p.done.Load() == n {
				return
			}
		}
		p.waiting.Store(true)
		if p.done.Load() == n && p.waiting.Swap(false) {
			return
		}
		<-p.finished // or a worker comes late that ended an earlier job: look again
	}
}

// serve is the life of a worker.
func (p *Pool) serve(thread int) {
	own := &p.lanes[thread]
	for {
		for w := (wait{}); !w.over(); {
			if own.open() && p.work(thread) {
				w = wait{}
			}
		}
		p.asleep.Add(1)
		if p.work(thread) { // a job that came before the caller could see that this worker sleeps
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
