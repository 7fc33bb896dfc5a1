package kernel

// gemmBlock is what one task computes: rows [i0, i1) and columns [j0, j1) of C over the steps
// [d0, d1) of its slice. All are 0 behind the last task.
type gemmBlock struct{ i0, i1, j0, j1, slice, d0, d1 int }

// block returns what a task computes. Tasks next to one another share columns, and with them the
// packed panels of B.
func (t *multiplyTask) block(item int) (b gemmBlock) {
	if item >= (*gemmTask)(t).tasks() {
		return b
	}
	block := item % (t.rowBlocks * t.columnBlocks)
	b.slice = item / (t.rowBlocks * t.columnBlocks)
	b.i0, b.i1 = blockRange(block%t.rowBlocks, t.rowBlock, t.c.Rows)
	b.j0, b.j1 = blockRange(block/t.rowBlocks, t.columnBlock, t.c.Cols)
	b.d0, b.d1 = blockRange(b.slice, t.slice, blockCount(t.k, t.depth))
	return b
}

// gemmStep is one step of a block.
type gemmStep struct {
	gemmBlock
	d int
}

func (b gemmBlock) first() gemmStep { return gemmStep{b, b.d0} }
func (s gemmStep) next() gemmStep   { return gemmStep{s.gemmBlock, s.d + 1} }

// products returns the range of k of a step.
func (t *multiplyTask) products(d int) (k0, k1 int) { return blockRange(d, t.depth, t.k) }

// factor returns the packed panels of B for a step.
func (t *multiplyTask) factor(s *multiplyScratch, now gemmStep) []float32 {
	if t.shared {
		return t.panelsAt(now)
	}
	_, width := t.engine.tile()
	k0, k1 := t.products(now.d)
	s.b = grow(s.b, blockCount(now.j1-now.j0, width)*t.panel)
	t.engine.packB(s.b, t.b, now.j0, now.j1-now.j0, k0, k1-k0)
	return s.b
}

// panelsAt returns the panels of a step where B is packed whole.
func (t *multiplyTask) panelsAt(now gemmStep) []float32 {
	_, width := t.engine.tile()
	k0, k1 := t.products(now.d)
	at, panel := now.d*t.panels*t.panel, t.engine.panel(k1-k0)
	return t.words[at+now.j0/width*panel : at+blockCount(now.j1, width)*panel]
}

// nextB returns what of B the step after this one needs anew.
func (t *multiplyTask) nextB(now, soon gemmStep) fetch {
	if soon.d1 == 0 || (t.shared && soon.d == now.d && soon.j0 == now.j0) {
		return fetch{}
	}
	strip, _ := t.engine.tile()
	parts := blockCount(now.i1-now.i0, strip)
	if t.shared {
		words := t.panelsAt(soon)
		return fetch{data: words, lines: blockCount(len(words), lineWords), step: len(words), parts: parts}
	}
	k0, k1 := t.products(soon.d)
	flipped := operand{Matrix: t.b.Matrix, transposed: !t.b.transposed}
	return fetchOf(part{a: flipped, i: soon.j0, rows: soon.j1 - soon.j0, k0: k0, k: k1 - k0}, parts)
}

// nextA returns the group of strips that follows in the step, from row r on, or that begins the one after it.
func (t *multiplyTask) nextA(now, soon gemmStep, r int) part {
	step, later := now, false
	if r >= now.i1 {
		step, later, r = soon, soon.gemmBlock != now.gemmBlock, soon.i0
	}
	if step.d1 == 0 {
		return part{}
	}
	k0, k1 := t.products(step.d)
	return part{a: t.a, i: r, rows: min(t.engine.group(t.a.transposed), step.i1-r), k0: k0, k: k1 - k0, later: later}
}
