package kernel

// gemm computes c (+)= a·b in two parallel phases: pack all of B, then, for blocks of C, pack A and
// multiply. How C is cut depends on its shape alone, and every element sums its products in the same
// order whatever the cut, so results do not depend on the number of threads.
func gemm(p *Pool, prec Precision, c Matrix, a, b operand, accumulate bool) {
	t := gemmTasks.get()
	defer gemmTasks.put(t)
	_, k := a.shape()
	if k == 0 {
		if !accumulate {
			clearMatrix(c)
		}
		return
	}
	t.plan(engineFor(prec), c, k)
	t.a, t.b, t.accumulate = a, b, accumulate
	t.packed = grow(t.packed, t.depths*t.panels*t.panel)
	t.words = t.packed
	p.Run(t.depths*blockCount(t.panels, packPanels), (*packTask)(t))
	p.Run(t.rowBlocks*t.columnBlocks, (*multiplyTask)(t))
	t.forget()
}

// gemmTask is a product on its way: its operands and how it is cut.
type gemmTask struct {
	engine     engine
	a, b       operand
	c          Matrix
	k          int
	accumulate bool

	depth, depths       int // k products per block, and blocks
	panels, panel       int // panels of B, and words of one over depth
	rowBlock, rowBlocks int // rows of C per task
	columnBlock         int // columns of C per task
	columnBlocks        int
	words               []float32 // packed B: depth blocks of panels
	packed              []float32 // memory for it
}

var gemmTasks = newRecycler[gemmTask]()

// forget drops what belongs to the caller.
func (t *gemmTask) forget() { *t = gemmTask{packed: t.packed} }

const (
	packPanels  = 4  // panels per packing task
	tasksWanted = 12 // enough to divide evenly among a few threads
	rowBlockMax = 96 // rows of C per task at most: A's block and a block of C share the L2 cache
)

// plan cuts the product: into large blocks, and smaller ones while there are too few tasks.
func (t *gemmTask) plan(e engine, c Matrix, k int) {
	strip, width := e.tile()
	t.engine, t.c, t.k = e, c, k
	t.depth = roundUp(blockCount(k, max(1, blockCount(k, depthMax))), 32)
	t.depths = blockCount(k, max(1, t.depth))
	t.panel = e.panel(t.depth)
	t.panels = blockCount(c.Cols, width)
	strips := max(1, rowBlockMax/strip)
	panels := max(1, min(t.panels, e.resident()/max(1, t.panel)))
	for blockCount(c.Rows, strips*strip)*blockCount(t.panels, panels) < tasksWanted && (strips > 2 || panels > 4) {
		if strips > 4 || panels <= 4 {
			strips = blockCount(strips, 2)
		} else {
			panels = blockCount(panels, 2)
		}
	}
	t.rowBlock, t.columnBlock = strips*strip, panels*width
	t.rowBlocks, t.columnBlocks = blockCount(c.Rows, t.rowBlock), blockCount(c.Cols, t.columnBlock)
}

func roundUp(n, to int) int { return blockCount(n, to) * to }

// packTask packs B: its items are groups of panels of one depth block.
type packTask gemmTask

func (t *packTask) Do(item int) {
	groups := blockCount(t.panels, packPanels)
	d, g := item/groups, item%groups
	_, width := t.engine.tile()
	k0, k1 := blockRange(d, t.depth, t.k)
	lo, hi := blockRange(g, packPanels, t.panels)
	j0, j1 := lo*width, min(hi*width, t.c.Cols)
	size := t.engine.panel(k1 - k0)
	at := d*t.panels*t.panel + lo*size
	t.engine.packB(t.words[at:at+(hi-lo)*size], t.b, j0, j1-j0, k0, k1-k0)
}

// multiplyTask computes C: its items are blocks of rows and columns.
type multiplyTask gemmTask

// multiplyScratch is the private memory of a multiplyTask.
type multiplyScratch struct {
	a    blockA
	edge edgeTile
}

var multiplyScratches = newRecycler[multiplyScratch]()

func (t *multiplyTask) Do(item int) {
	s := multiplyScratches.get()
	defer multiplyScratches.put(s)
	i0, i1 := blockRange(item/t.columnBlocks, t.rowBlock, t.c.Rows)
	j0, j1 := blockRange(item%t.columnBlocks, t.columnBlock, t.c.Cols)
	strip, width := t.engine.tile()
	block := t.c.Slice(i0, i1).Columns(j0, j1)
	for d := range t.depths {
		k0, k1 := blockRange(d, t.depth, t.k)
		b := t.words[d*t.panels*t.panel+j0/width*t.engine.panel(k1-k0):]
		t.engine.packA(&s.a, t.a, i0, i1-i0, k0, k1-k0)
		for r := 0; r < i1-i0; r += strip {
			t.engine.multiply(block.Slice(r, min(r+strip, i1-i0)), &s.a, r/strip, b, t.accumulate || d > 0, &s.edge)
		}
	}
}
