package kernel

// SwiGLUForward computes a = silu(gate) ∘ up with silu(g) = g / (1 + exp(−g)), all of shape (N, F).
// a may be gate or up, or in bf16. Source: Shazeer 2020, arXiv:2002.05202.
func SwiGLUForward(p *Pool, a, gate, up Matrix) {
	gate.check()
	a.checkFactorShape(gate.Rows, gate.Cols)
	up.checkShape(gate.Rows, gate.Cols)
	t := swigluTasks.get()
	t.a, t.gate, t.up = a, gate, up
	p.Run(blockCount(gate.Rows, swigluRows), (*swigluForward)(t))
	*t = swigluTask{}
	swigluTasks.put(t)
}

// SwiGLUBackward computes from da, with s = 1 / (1 + exp(−gate)),
//
//	dgate = da ∘ up ∘ s ∘ (1 + gate ∘ (1 − s)),   dup = da ∘ gate ∘ s
//
// dgate and dup are overwritten; each may share memory with one of the inputs, row for row, and be in bf16.
func SwiGLUBackward(p *Pool, dgate, dup, da, gate, up Matrix) {
	gate.check()
	for _, m := range [...]Matrix{da, up} {
		m.checkShape(gate.Rows, gate.Cols)
	}
	for _, m := range [...]Matrix{dgate, dup} {
		m.checkFactorShape(gate.Rows, gate.Cols)
	}
	t := swigluTasks.get()
	*t = swigluTask{a: da, gate: gate, up: up, dgate: dgate, dup: dup}
	p.Run(blockCount(gate.Rows, swigluRows), (*swigluBackward)(t))
	*t = swigluTask{}
	swigluTasks.put(t)
}

const swigluRows = 16 // rows per task

type swigluTask struct{ a, gate, up, dgate, dup Matrix }

var swigluTasks = newRecycler[swigluTask]()

type swigluForward swigluTask

func (t *swigluForward) Do(item int) {
	lo, hi := blockRange(item, swigluRows, t.gate.Rows)
	buf := rowBuffers.get()
	defer rowBuffers.put(buf)
	for i := lo; i < hi; i++ {
		a := t.a.rowFor(i, &buf.first)
		active.swiglu(a, t.gate.Row(i), t.up.Row(i))
		t.a.setRow(i, a)
	}
}

type swigluBackward swigluTask

func (t *swigluBackward) Do(item int) {
	lo, hi := blockRange(item, swigluRows, t.gate.Rows)
	buf := rowBuffers.get()
	defer rowBuffers.put(buf)
	for i := lo; i < hi; i++ {
		dgate, dup := t.dgate.rowFor(i, &buf.first), t.dup.rowFor(i, &buf.second)
		active.swigluBackward(dgate, dup, t.a.Row(i), t.gate.Row(i), t.up.Row(i))
		t.dgate.setRow(i, dgate)
		t.dup.setRow(i, dup)
	}
}
