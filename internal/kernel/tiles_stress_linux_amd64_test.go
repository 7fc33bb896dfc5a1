//go:build !purego

package kernel

import (
	"flag"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var stressTime = flag.Duration("stress", time.Second, "how long TestTilesUnderStress runs")

// TestTilesUnderStress multiplies on tiles while everything happens that could disturb their state:
// signals to every thread, goroutine switches, more threads than cores, threads that end, garbage
// collections, growing stacks, profiling, fork and exec. Every product must have the same bits.
func TestTilesUnderStress(t *testing.T) {
	if !slices.Contains(available(), &amx) {
		t.Skip("no AMX tiles here")
	}
	before := active
	active = &amx
	defer func() { active = before }()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2 * runtime.NumCPU()))
	defer debug.SetGCPercent(debug.SetGCPercent(20))
	if err := pprof.StartCPUProfile(io.Discard); err == nil {
		defer pprof.StopCPUProfile()
	}

	s := newTileStress()
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() { s.multiply(t, BF16) })
		all.Go(func() { s.multiply(t, FP32) })
	}
	for _, disturb := range []func(){s.signal, s.collect, s.thread, s.fork} {
		all.Go(func() {
			for !s.stop.Load() {
				disturb()
			}
		})
	}
	time.Sleep(*stressTime)
	s.stop.Store(true)
	all.Wait()
	t.Logf("%d products, %d signals, %d collections, %d threads, %d processes",
		s.products.Load(), s.signals.Load(), s.collections.Load(), s.threads.Load(), s.processes.Load())
	if s.products.Load() == 0 {
		t.Fatal("no product was computed")
	}
}

// tileStress is a product with its right results by precision, and counts of what happened.
type tileStress struct {
	a, b Matrix
	want [2]Matrix
	stop atomic.Bool

	products, signals, collections, threads, processes atomic.Int64
}

func newTileStress() *tileStress {
	s := &tileStress{
		a: NewMatrix(make([]float32, 64*512), 64, 512),
		b: NewMatrix(make([]float32, 2048*512), 2048, 512),
	}
	fillNormal(newRand(1), s.a.Data, 1)
	fillNormal(newRand(2), s.b.Data, 1)
	for prec := range s.want {
		s.want[prec] = newMatrix(64, 2048)
		GemmNT(nil, Precision(prec), s.want[prec], s.a, s.b, false)
	}
	return s
}

// multiply holds tiles most of the time: one call of the kernel lasts some hundred microseconds.
func (s *tileStress) multiply(t *testing.T, prec Precision) {
	var w Weights
	w.Pack(nil, prec, s.b)
	want := s.want[prec]
	c := newMatrix(want.Rows, want.Cols)
	for !s.stop.Load() {
		clear(c.Data)
		w.Forward(nil, c, s.a, false)
		if !slices.Equal(c.Data, want.Data) {
			s.stop.Store(true)
			t.Error("a product changed")
			return
		}
		s.products.Add(1)
	}
}

// signal sends the signal that the runtime itself uses for preemption to every thread.
func (s *tileStress) signal() {
	entries, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return
	}
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil && unix.Tgkill(os.Getpid(), tid, unix.SIGURG) == nil {
			s.signals.Add(1)
		}
	}
}

func (s *tileStress) collect() {
	grow := func() {}
	depth := 0
	grow = func() {
		var frame [1024]byte
		if depth++; depth < 100 {
			grow()
		}
		frame[depth%1024]++
	}
	grow()
	runtime.GC()
	s.collections.Add(1)
}

// thread ends an operating-system thread on which tiles were used.
func (s *tileStress) thread() {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		c := NewMatrix(make([]float32, 32*2048), 32, 2048)
		GemmNT(nil, BF16, c, s.a.Slice(0, 32), s.b, false)
		close(done)
	}()
	<-done
	s.threads.Add(1)
}

func (s *tileStress) fork() {
	if exec.Command("/bin/true").Run() == nil {
		s.processes.Add(1)
	}
	time.Sleep(5 * time.Millisecond)
}
