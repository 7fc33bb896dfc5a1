package optim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

var _ G.Solver = Solver(nil)

func params(r *rand.Rand, shapes map[string][]int, names ...string) nn.Params {
	var ps nn.Params
	for _, name := range names {
		p := nn.NewParam(name, false, shapes[name]...)
		for i := range p.Data() {
			p.Data()[i] = float32(r.NormFloat64())
		}
		ps = append(ps, p)
	}
	return ps
}

func gradients(r *rand.Rand, ps nn.Params) {
	for _, p := range ps {
		for i := range p.GradData() {
			p.GradData()[i] = float32(r.NormFloat64())
		}
	}
}

// TestAdamW holds five steps to the algorithm as published, in float64.
func TestAdamW(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	ps := params(r, map[string][]int{"m": {5, 7}, "v": {9}}, "m", "v")
	s := Spec{Beta1: 0.8, Beta2: 0.9, WeightDecay: 0.3}
	solver, err := New(s, ps, nil, kernel.FP32)
	if err != nil {
		t.Fatal(err)
	}
	type moments struct{ w, m, v float64 }
	want := map[string][]moments{}
	for _, p := range ps {
		for _, w := range p.Data() {
			want[p.Name()] = append(want[p.Name()], moments{w: float64(w)})
		}
	}
	for step := 1; step <= 5; step++ {
		gradients(r, ps)
		rate, scale := 0.1/float64(step), 0.5
		for _, p := range ps {
			decay := s.WeightDecay
			if p.Name() == "v" {
				decay = 0
			}
			for i, g := range p.GradData() {
				x := &want[p.Name()][i]
				gs := float64(g) * scale
				x.m = s.Beta1*x.m + (1-s.Beta1)*gs
				x.v = s.Beta2*x.v + (1-s.Beta2)*gs*gs
				m, v := x.m/(1-math.Pow(s.Beta1, float64(step))), x.v/(1-math.Pow(s.Beta2, float64(step)))
				x.w -= rate * (m/(math.Sqrt(v)+1e-8) + decay*x.w)
			}
		}
		solver.Prepare(rate, scale)
		if err := solver.Step(Model(ps)); err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			for i, w := range p.Data() {
				if math.Abs(float64(w)-want[p.Name()][i].w) > 1e-5 {
					t.Fatalf("step %d: %s[%d] is %v, want %v", step, p.Name(), i, w, want[p.Name()][i].w)
				}
				if p.GradData()[i] != 0 {
					t.Fatal("gradient not cleared")
				}
			}
		}
	}
}

// TestOrthogonal checks that Newton–Schulz brings every singular value of tall, wide and square matrices near 1 while
// keeping the singular vectors: U·Vᵀ·xᵀ is then symmetric positive, and the product with itself near the identity.
func TestOrthogonal(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, shape := range [][2]int{{12, 40}, {40, 12}, {16, 16}} {
		rows, cols := shape[0], shape[1]
		x := make([]float32, rows*cols)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		original := kernel.NewMatrix(append([]float32(nil), x...), rows, cols)
		m := &muon{}
		u := kernel.NewMatrix(m.orthogonal(x, rows, cols), rows, cols)
		small := min(rows, cols)
		product := func(a, b kernel.Matrix) kernel.Matrix {
			c := kernel.NewMatrix(make([]float32, small*small), small, small)
			if rows <= cols {
				kernel.GemmNT(nil, kernel.FP32, c, a, b, false)
			} else {
				kernel.GemmTN(nil, kernel.FP32, c, a, b, false)
			}
			return c
		}
		gram := product(u, u)
		polar := product(u, original)
		var trace, size, skew float64
		for i := range small {
			trace += float64(gram.Row(i)[i])
			for j := range small {
				size += math.Abs(float64(polar.Row(i)[j]))
				skew += math.Abs(float64(polar.Row(i)[j] - polar.Row(j)[i]))
			}
		}
		// The five steps leave singular values within [0.7, 1.2], by design: the mean of their squares is near 1.
		if mean := trace / float64(small); mean < 0.5 || mean > 1.4 {
			t.Errorf("%v: mean squared singular value %v", shape, mean)
		}
		if skew > 0.02*size {
			t.Errorf("%v: singular vectors moved: asymmetry %v of %v", shape, skew, size)
		}
	}
}

// TestMuonGroups checks which parameters Muon takes, and that the rest move as AdamW moves them.
func TestMuonGroups(t *testing.T) {
	shapes := map[string][]int{"token_embd.weight": {6, 4}, "blk.0.attn_norm.weight": {4}, "blk.0.attn_q.weight": {4, 4},
		"blk.0.attn_q.lora_a": {2, 4}, "output.weight": {6, 4}}
	names := []string{"token_embd.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.weight", "blk.0.attn_q.lora_a", "output.weight"}
	run := func(a Algorithm) nn.Params {
		r := rand.New(rand.NewPCG(5, 6))
		ps := params(r, shapes, names...)
		solver, err := New(Spec{Algorithm: a}, ps, nil, kernel.FP32)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			gradients(r, ps)
			solver.Prepare(0.01, 1)
			if err := solver.Step(Model(ps)); err != nil {
				t.Fatal(err)
			}
		}
		return ps
	}
	adam, mu := run(AdamW), run(Muon)
	for i, p := range adam {
		same := true
		for j, w := range p.Data() {
			same = same && w == mu[i].Data()[j]
		}
		if same == (p.Name() == "blk.0.attn_q.weight") {
			t.Errorf("%s: moved alike: %v", p.Name(), same)
		}
	}
}

// TestThreads checks that updates have the same bits with any number of threads.
func TestThreads(t *testing.T) {
	for _, a := range []Algorithm{AdamW, Muon} {
		var first nn.Params
		for _, threads := range []int{1, 2, 7} {
			pool := kernel.NewPool(threads)
			r := rand.New(rand.NewPCG(7, 8))
			ps := params(r, map[string][]int{"blk.0.ffn_up.weight": {150, 210}, "n": {20000}}, "blk.0.ffn_up.weight", "n")
			solver, err := New(Spec{Algorithm: a}, ps, pool, kernel.FP32)
			if err != nil {
				t.Fatal(err)
			}
			ema := NewEMA(0.9, ps, pool)
			for range 2 {
				gradients(r, ps)
				solver.Prepare(0.01, ClipScale(GradNorm(pool, ps), 1))
				if err := solver.Step(Model(ps)); err != nil {
					t.Fatal(err)
				}
				ema.Update()
			}
			ema.Swap()
			pool.Close()
			if first == nil {
				first = ps
			}
			for i, p := range ps {
				for j, w := range p.Data() {
					if w != first[i].Data()[j] {
						t.Fatalf("%s: %s differs with %d threads", a, p.Name(), threads)
					}
				}
			}
		}
	}
}

func TestStepRefusesOtherModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	ps := params(r, map[string][]int{"a": {2, 2}, "b": {3}}, "a", "b")
	for _, a := range []Algorithm{AdamW, Muon} {
		solver, err := New(Spec{Algorithm: a}, ps, nil, kernel.FP32)
		if err != nil {
			t.Fatal(err)
		}
		if solver.Step(Model(ps[:1])) == nil || solver.Step(Model(nn.Params{ps[1], ps[0]})) == nil {
			t.Errorf("%s steps another model", a)
		}
	}
	for _, s := range []Spec{{Algorithm: "sgd"}, {Beta1: 1}, {WeightDecay: -1}, {Momentum: math.NaN()}} {
		if _, err := New(s, ps, nil, kernel.FP32); err == nil {
			t.Errorf("%+v accepted", s)
		}
	}
}

func TestClip(t *testing.T) {
	p := nn.NewParam("p", false, 2)
	copy(p.GradData(), []float32{3, 4})
	if n := GradNorm(nil, nn.Params{p}); n != 5 {
		t.Errorf("norm %v", n)
	}
	for _, c := range [][3]float64{{5, 1, 0.2}, {5, 5, 1}, {5, 0, 1}, {0, 1, 1}} {
		if got := ClipScale(c[0], c[1]); got != c[2] {
			t.Errorf("ClipScale(%v, %v) = %v", c[0], c[1], got)
		}
	}
}

// TestSchedules checks ends, warm-up, and that rates never rise after it nor leave [Final, 1].
func TestSchedules(t *testing.T) {
	const steps = 100
	for _, shape := range []Shape{"", Constant, Linear, Cosine, WSD} {
		s := Schedule{Shape: shape, Warmup: 10, Final: 0.1}
		if s.At(0, steps) != 0.1 || s.At(9, steps) != 1 || s.At(10, steps) != 1 {
			t.Errorf("%q: warm-up %v … %v, %v", shape, s.At(0, steps), s.At(9, steps), s.At(10, steps))
		}
		for i := 11; i < steps; i++ {
			if now := s.At(i, steps); now > s.At(i-1, steps) || now < s.Final {
				t.Errorf("%q: %v at step %d", shape, now, i)
			}
		}
		if last := s.At(steps-1, steps); shape != "" && shape != Constant && last > 0.16 {
			t.Errorf("%q: ends at %v", shape, last)
		}
	}
	if s := (Schedule{Shape: WSD, Decay: 0.4}); s.At(59, steps) != 1 || s.At(61, steps) == 1 || s.At(80, steps) != 0.5 {
		t.Errorf("wsd: %v %v %v", s.At(59, steps), s.At(61, steps), s.At(80, steps))
	}
	for _, s := range []Schedule{{Shape: "step"}, {Warmup: -1}, {Final: 2}, {Decay: -0.1}} {
		if s.Check() == nil {
			t.Errorf("%+v accepted", s)
		}
	}
}

func ExampleSchedule() {
	s := Schedule{Shape: WSD, Warmup: 100, Decay: 0.25}
	for _, step := range []int{0, 99, 500, 875, 999} {
		fmt.Printf("%d: %.3f\n", step, s.At(step, 1000))
	}
	// Output:
	// 0: 0.010
	// 99: 1.000
	// 500: 1.000
	// 875: 0.500
	// 999: 0.004
}
