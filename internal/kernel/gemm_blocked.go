package kernel

// gemm computes c (+)= a·b. How C and the sum over k are cut depends on the shapes alone, and partial
// sums are added in order, so results do not depend on the number of threads.
func gemm(p *Pool, prec Precision, c Matrix, a, b operand, accumulate bool) {
	if _, k := a.shape(); k == 0 {
		if !accumulate {
			clearMatrix(c)
		}
		return
	}
	t := gemmTasks.get()
	defer gemmTasks.put(t)
	_, k := a.shape()
	t.plan(engineFor(prec, c.Rows, c.Cols, k), c.Rows, c.Cols, k)
	t.a, t.b, t.c, t.accumulate = a, b, c, accumulate
	t.widen()
	if t.shared = t.rowBlocks > 1; t.shared {
		t.memory = grow(t.memory, t.packedWords())
		t.words = t.memory
		p.Run(t.packItems(), (*packTask)(t))
	}
	t.run(p)
	t.forget()
}

// gemmTask is a product on its way: its operands and how it is cut. Its tasks each compute a block of
// C over a slice of k, in steps of depth.
type gemmTask struct {
	engine     engine
	a, b       operand
	c          Matrix
	accumulate bool
	k          int

	depth                     int       // k products per step
	slice, slices             int       // steps per slice of k, and slices
	panels, panel             int       // panels of B, and words of one over depth
	rowBlock, rowBlocks       int       // rows of C per task
	columnBlock, columnBlocks int       // columns of C per task
	shared                    bool      // B is packed whole, in words
	words                     []float32 // steps of panels
	partials                  []float32 // one C per slice, if there are several
	memory                    []float32 // for words
	wideA, wideB              []float32 // for factors in bf16 that the engine does not take
	threads                   int
}

var gemmTasks = newRecycler[gemmTask]()

// forget drops what belongs to the caller.
func (t *gemmTask) forget() {
	*t = gemmTask{memory: t.memory, partials: t.partials, wideA: t.wideA, wideB: t.wideB}
}

// widen makes factors in bf16 float32 for an engine that takes no others.
func (t *gemmTask) widen() {
	if t.engine != active.tiles {
		t.a.Matrix, t.b.Matrix = t.a.widened(&t.wideA), t.b.widened(&t.wideB)
	}
}

const (
	packPanels   = 4       // panels per packing task
	tasksMin     = 4       // enough to divide evenly among a few threads
	tasksMax     = 8       // smaller blocks and slices cost memory traffic: no more than this many for their sake
	taskProducts = 1 << 26 // multiply-adds that a task should have
	rowBlockMax  = 128     // rows of C per task where the cache sets no limit
	sliceMin     = 1024    // products of a slice at least
	slicesMax    = 4       // unless blocks are small already: partial sums of a large C are not cheap
)

// plan cuts a product of (m, k) by (k, n).
func (t *gemmTask) plan(e engine, m, n, k int) {
	strip, width := e.tile()
	cache := e.cache()
	t.engine, t.k = e, k
	t.depth = roundUp(blockCount(k, blockCount(k, cache.depth)), 32)
	steps := blockCount(k, t.depth)
	t.panel, t.panels = e.panel(t.depth), blockCount(n, width)

	// Blocks of C as large as the caches allow, for every row of A is packed again for each column
	// of blocks; and of even sizes. C is not read again if there is but one step.
	t.columnBlock = even(n, cache.b/t.panel*width, width)
	rows := rowBlockMax
	if steps > 1 && steps*t.columnBlock/width*t.panel > cache.b {
		rows = cache.c / t.columnBlock // each step's B comes from afar: for many rows at once
	}
	t.rowBlock = even(m, rows, strip)
	count := func() int {
		t.rowBlocks, t.columnBlocks = blockCount(m, t.rowBlock), blockCount(n, t.columnBlock)
		return t.rowBlocks * t.columnBlocks
	}
	// Too few: slices of k if there is enough of it, else smaller blocks.
	wanted := max(tasksMin, min(tasksMax, m*n*k/taskProducts))
	slices := func() int { return min(blockCount(wanted, max(1, count())), max(1, k/sliceMin)) }
	for (slices() > slicesMax || count()*slices() < tasksMin) && t.rowBlock > 2*strip {
		t.rowBlock = roundUp(t.rowBlock/2, strip)
	}
	t.slices = slices()
	t.slice = blockCount(steps, t.slices)
	t.slices = blockCount(steps, t.slice)
}

// even cuts n into the fewest blocks of at most size and returns the length of a block, in whole units.
func even(n, size, unit int) int {
	return max(unit, roundUp(blockCount(n, max(1, blockCount(n, size))), unit))
}

func roundUp(n, to int) int { return blockCount(n, to) * to }

// packedWords is the memory that all of B takes.
func (t *gemmTask) packedWords() int { return blockCount(t.k, t.depth) * t.panels * t.panel }

// run computes C from a and from b, or words if shared is set.
func (t *gemmTask) run(p *Pool) {
	if t.slices > 1 {
		t.partials = grow(t.partials, t.slices*t.c.Rows*t.c.Cols)
	}
	t.threads = p.Threads()
	p.Run(t.tasks(), (*multiplyTask)(t))
	if t.slices > 1 {
		p.Run(blockCount(t.c.Rows, sumRows), (*sumTask)(t))
	}
}

func (t *gemmTask) tasks() int { return t.rowBlocks * t.columnBlocks * t.slices }

// packTask packs B: its items are groups of panels of one step.
type packTask gemmTask

func (t *gemmTask) packItems() int {
	return blockCount(t.k, t.depth) * blockCount(t.panels, packPanels)
}

func (t *packTask) Do(item int) {
	groups := blockCount(t.panels, packPanels)
	_, n := t.b.shape()
	_, width := t.engine.tile()
	d := item / groups
	k0, k1 := blockRange(d, t.depth, t.k)
	lo, hi := blockRange(item%groups, packPanels, t.panels)
	size := t.engine.panel(k1 - k0)
	at := d*t.panels*t.panel + lo*size
	t.engine.packB(t.words[at:at+(hi-lo)*size], t.b, lo*width, min(hi*width, n)-lo*width, k0, k1-k0)
}

// multiplyTask computes a block of C over a slice of k.
type multiplyTask gemmTask

// multiplyScratch is the private memory of a multiplyTask.
type multiplyScratch struct {
	a    blockA
	b    []float32
	edge edgeTile
}

var multiplyScratches = newRecycler[multiplyScratch]()

func (t *multiplyTask) Do(item int) {
	s := multiplyScratches.get()
	defer multiplyScratches.put(s)
	s.a.packed = 0
	b := t.block(item)
	c, accumulate := t.c, t.accumulate
	if t.slices > 1 {
		c, accumulate = (*gemmTask)(t).partial(b.slice), false
	}
	c = c.Slice(b.i0, b.i1).Columns(b.j0, b.j1)
	strip, _ := t.engine.tile()
	group := t.engine.group(t.a.transposed)
	for now := b.first(); now.d < b.d1; now = now.next() {
		k0, k1 := t.products(now.d)
		words := t.factor(s, now)
		soon := now.next()
		if soon.d == b.d1 {
			soon = t.block(item + t.threads).first() // likely what this thread does next
		}
		s.a.nextB = t.nextB(now, soon)
		for g := b.i0; g < b.i1; g += group {
			g1 := min(g+group, b.i1)
			t.engine.packA(&s.a, t.a, g, g1-g, k0, k1-k0)
			s.a.next = t.nextA(now, soon, g1)
			s.a.nextA = fetchOf(s.a.next, blockCount(g1-g, strip))
			for r := g; r < g1; r += strip {
				rows := c.Slice(r-b.i0, min(r+strip, g1)-b.i0)
				t.engine.multiply(rows, &s.a, (r-g)/strip, words, accumulate || now.d > b.d0, &s.edge)
			}
		}
	}
}

// partial returns the sum over one slice of k.
func (t *gemmTask) partial(slice int) Matrix {
	m, n := t.c.Rows, t.c.Cols
	return NewMatrix(t.partials[slice*m*n:(slice+1)*m*n], m, n)
}

// sumTask adds the slices' sums, in order.
type sumTask gemmTask

const sumRows = 16 // rows per task

func (t *sumTask) Do(item int) {
	lo, hi := blockRange(item, sumRows, t.c.Rows)
	for i := lo; i < hi; i++ {
		row := t.c.Row(i)
		first := (*gemmTask)(t).partial(0).Row(i)
		if t.accumulate {
			active.add(row, row, first)
		} else {
			copy(row, first)
		}
		for s := 1; s < t.slices; s++ {
			active.add(row, row, (*gemmTask)(t).partial(s).Row(i))
		}
	}
}
