package nn

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"testing"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill"
)

// stepGraph is a graph of every operation of this package, with its gradient: embedding, two variants each of attention
// and feed-forward, norm, head.
type stepGraph struct {
	*Engine
	batch   *Batch
	machine G.VM
	nodes   G.Nodes
}

func newStepGraph(t testing.TB, recompute bool) *stepGraph {
	s := &stepGraph{batch: testBatch()}
	s.Engine = testEngine(s.batch, recompute)
	var l layout
	l.set(s.batch)
	g := G.NewGraph()
	in := NewInputs(g)
	ids := func(name string, ids []distill.Token) *G.Node {
		return G.NodeFromAny(g, tensor.New(tensor.WithShape(testN), tensor.WithBacking(ids)), G.WithName(name))
	}
	x, err := Embed(s.Engine, in, ids("tokens", s.batch.Tokens), param("table", 0, testVocab, testWidth))
	for _, op := range operations(s.batch, l) {
		if err == nil {
			x, err = op.fused(s.Engine, in, x)
		}
	}
	if err == nil {
		_, err = G.Grad(x, in.Learnt()...)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.machine, s.nodes = G.NewTapeMachine(g), g.AllNodes()
	return s
}

// run is one step: a new batch, forward and backward.
func (s *stepGraph) run(t testing.TB) {
	s.Feed(s.batch, plain{}, 0.25)
	if err := s.machine.RunAll(); err != nil {
		t.Fatal(err)
	}
	s.machine.Reset()
}

func (s *stepGraph) close() {
	s.machine.Close()
	s.Pool.Close()
}

// idle returns what a Function returned last, and computes nothing.
type idle struct {
	out   G.Value
	grads []G.Value
}

func (f *idle) Forward([]G.Value) (G.Value, error)                      { return f.out, nil }
func (f *idle) Backward([]G.Value, G.Value, G.Value) ([]G.Value, error) { return f.grads, nil }

// recorder keeps what a Function returns.
type recorder struct {
	Function
	last idle
}

func (r *recorder) Forward(in []G.Value) (out G.Value, err error) {
	out, err = r.Function.Forward(in)
	r.last.out = out
	return out, err
}

func (r *recorder) Backward(in []G.Value, out, dy G.Value) (grads []G.Value, err error) {
	grads, err = r.Function.Backward(in, out, dy)
	r.last.grads = append(r.last.grads[:0], grads...)
	return grads, err
}

// idleAll leaves gorgonia's machinery, and takes the computation out of it: all operations return what they did last.
func (s *stepGraph) idleAll(t testing.TB) {
	for _, n := range s.nodes {
		if op, ok := n.Op().(*fused); ok {
			op.function = &recorder{Function: op.function}
		}
	}
	s.run(t)
	for _, n := range s.nodes {
		if op, ok := n.Op().(*fused); ok {
			op.function = &op.function.(*recorder).last
		}
	}
}

// allocated returns the bytes and objects that a call of f allocates, on average, with the collector off: it empties the
// free lists.
func allocated(f func()) (bytes, objects float64) {
	const runs = 50
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for range 20 { // every worker has met every kind of scratch memory
		f()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / runs, float64(after.Mallocs-before.Mallocs) / runs
}

// leastAllocated returns the least of several measurements: a worker that waited so far may yet meet its first scratch memory.
func leastAllocated(run func()) (bytes, objects float64) {
	bytes, objects = allocated(run)
	for range 4 {
		if b, o := allocated(run); o < objects {
			bytes, objects = b, o
		}
	}
	return bytes, objects
}

// TestStepAllocations holds a training step to what gorgonia allocates by itself, running the same graph with operations
// that compute nothing: not one object more.
func TestStepAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties the free lists at random")
	}
	for _, recompute := range []bool{false, true} {
		t.Run(fmt.Sprintf("recompute %v", recompute), func(t *testing.T) {
			s := newStepGraph(t, recompute)
			defer s.close()
			bytes, objects := leastAllocated(func() { s.run(t) })
			s.idleAll(t)
			idleBytes, idleObjects := leastAllocated(func() { s.run(t) })
			t.Logf("a step allocates %.0f bytes in %.1f objects; gorgonia alone %.0f in %.1f", bytes, objects, idleBytes, idleObjects)
			if objects >= idleObjects+1 {
				t.Errorf("the operations allocate %.1f objects, %.0f bytes in every step", objects-idleObjects, bytes-idleBytes)
			}
		})
	}
}

// BenchmarkStepAllocations reports what the operations of a step allocate beyond gorgonia, and what that does.
func BenchmarkStepAllocations(b *testing.B) {
	s := newStepGraph(b, false)
	defer s.close()
	bytes, objects := allocated(func() { s.run(b) })
	for b.Loop() {
		s.run(b)
	}
	s.idleAll(b)
	idleBytes, idleObjects := allocated(func() { s.run(b) })
	b.ReportMetric(bytes-idleBytes, "own-B/op")
	b.ReportMetric(objects-idleObjects, "own-allocs/op")
	b.ReportMetric(idleBytes, "gorgonia-B/op")
	b.ReportMetric(idleObjects, "gorgonia-allocs/op")
}
