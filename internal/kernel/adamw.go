package kernel

import "math"

// AdamW is one step of decoupled AdamW; the fields are those of the paper.
// Source: Loshchilov and Hutter 2019, arXiv:1711.05101, algorithm 2.
type AdamW struct {
	LR, Beta1, Beta2, Eps float32
	WeightDecay           float32
	GradScale             float32 // multiplies the gradient first: the factor of clipping and of averaging
	Step                  int     // from 1; corrects the bias of the moments
}

// Apply updates weights w and moments m, v from gradient g, and clears g:
//
//	g *= GradScale;  m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²
//	w −= LR · (m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + Eps) + WeightDecay·w)
func (a AdamW) Apply(p *Pool, w, g, m, v []float32) {
	n := len(w)
	if len(g) != n || len(m) != n || len(v) != n {
		panic(errLength)
	}
	t := adamTasks.get()
	c1 := 1 - math.Pow(float64(a.Beta1), float64(a.Step))
	c2 := 1 - math.Pow(float64(a.Beta2), float64(a.Step))
	*t = adamTask{w: w, g: g, m: m, v: v, c: adamCoefficients{
		gradScale: a.GradScale,
		beta1:     a.Beta1,
		oneMinus1: 1 - a.Beta1,
		beta2:     a.Beta2,
		oneMinus2: 1 - a.Beta2,
		step:      float32(float64(a.LR) / c1),
		root:      float32(1 / c2),
		eps:       a.Eps,
		keep:      1 - a.LR*a.WeightDecay,
	}}
	p.Run(blockCount(n, adamBlock), t)
	*t = adamTask{}
	adamTasks.put(t)
}

const adamBlock = 16384 // elements per task

// adamCoefficients are what the inner loop needs, in the order the assembly reads them:
//
//	w = keep·w − step·m / (√(root·v) + eps)
type adamCoefficients struct {
	gradScale, beta1, oneMinus1, beta2, oneMinus2, step, root, eps, keep float32
}

type adamTask struct {
	w, g, m, v []float32
	c          adamCoefficients
}

var adamTasks = newRecycler[adamTask]()

func (t *adamTask) Do(item int) {
	lo, hi := blockRange(item, adamBlock, len(t.w))
	active.adamW(t.w[lo:hi], t.g[lo:hi], t.m[lo:hi], t.v[lo:hi], &t.c)
}
