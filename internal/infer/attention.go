package infer

import (
	"math"
	"sync"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/panel"
)

// tileRows is how many positions of a sequence attend together. More would waste work above the causal diagonal and
// outgrow the nearest cache with scores.
const tileRows = 16

// sharedAttention is the number of multiplications below which one thread attends as quickly as several.
const sharedAttention = 1 << 14

// attention is a task of a pool: grouped-query attention of the rows of all spans over their caches. An item is a tile
// of at most tileRows positions of one span with one KV head, or with all of them where there are tiles enough.
type attention struct {
	m        *Model
	layer    int
	heads    int // KV heads of an item
	spans    []span
	queries  kernel.Matrix
	keys     kernel.Matrix
	values   kernel.Matrix
	attended []float32
	tiles    []tile
	scratch  sync.Pool // *headScratch
}

// tile is a run of rows of one sequence; the first is at position start of it.
type tile struct {
	cache *cache
	row   int // of the batch
	rows  int
	start int
	store bool // the keys and values of the row too: it is all of its span
}

// headScratch holds what one item works on: G query heads of a group for each row.
type headScratch struct {
	q      []float32 // (rows·G, D)
	scores []float32 // (rows·G, padded positions)
	out    []float32 // (rows·G, padded D)
	half   []uint16  // (D)
}

// run stores the rotated keys and the values of all rows and sets attended (N, H·D) from the rotated queries.
func (a *attention) run(m *Model, pool *kernel.Pool, spans []span, layer int, queries, keys, values kernel.Matrix, attended []float32) {
	a.m, a.layer, a.spans, a.attended = m, layer, spans, attended
	a.queries, a.keys, a.values = queries, keys, values
	a.tiles = a.tiles[:0]
	row, work, long := 0, 0, false
	for _, s := range spans {
		n := len(s.tokens)
		long = long || n > 1
		for i := 0; i < n; i += tileRows {
			t := tile{s.cache, row + i, min(tileRows, n-i), s.cache.length + i, n == 1}
			work += t.rows * (t.start + t.rows) * m.cfg.Heads * m.cfg.HeadDim
			a.tiles = append(a.tiles, t)
		}
		row += n
	}
	if work < sharedAttention {
		pool = nil
	}
	if long {
		pool.Run(m.cfg.KVHeads, (*storing)(a))
	}
	a.heads = m.cfg.KVHeads
	if len(a.tiles) < 4*pool.Threads() {
		a.heads = 1
	}
	pool.Run(len(a.tiles)*m.cfg.KVHeads/a.heads, a)
}

// storing is the task of storing the keys and values of spans of several tokens, by KV heads: tiles see those of others.
// A single token's are stored where they are needed, which is when the cache's memory has come near.
type storing attention

// Do stores those of one KV head.
func (t *storing) Do(head int) {
	a := (*attention)(t)
	s := a.take()
	row := 0
	for _, sp := range a.spans {
		for i := 0; i < len(sp.tokens) && len(sp.tokens) > 1; i++ {
			a.store(s, sp.cache, row+i, sp.cache.length+i, head)
		}
		row += len(sp.tokens)
	}
	a.scratch.Put(s)
}

// store stores the key and value of a row and KV head at a position.
func (a *attention) store(s *headScratch, c *cache, row, position, head int) {
	d := c.headDim
	lo, hi := head*d, (head+1)*d
	c.store(a.layer, head, position, a.keys.Row(row)[lo:hi], a.values.Row(row)[lo:hi], resize(&s.half, d))
}

func (a *attention) take() *headScratch {
	if s, _ := a.scratch.Get().(*headScratch); s != nil {
		return s
	}
	return new(headScratch)
}

// Do computes one item.
func (a *attention) Do(item int) {
	s := a.take()
	first := item * a.heads
	t := a.tiles[first/a.m.cfg.KVHeads]
	for h := range a.heads {
		a.attend(s, t, first%a.m.cfg.KVHeads+h)
	}
	a.scratch.Put(s)
}

// attend computes softmax(q·kᵀ/√D)·v for the query heads of a group. While it reads a head's keys and values, the next
// head's, which lie a head's further on, are fetched: a batch's caches fit no near cache.
func (a *attention) attend(s *headScratch, t tile, head int) {
	c := &a.m.cfg
	group, d := c.Heads/c.KVHeads, c.HeadDim
	n := t.rows * group
	q := resize(&s.q, n*d)
	for r := range t.rows {
		copy(q[r*group*d:(r+1)*group*d], a.queries.Row(t.row + r)[head*group*d:])
	}
	if t.store {
		a.store(s, t.cache, t.row, t.start, head)
	}
	keys, values := t.cache.head(a.layer, head)
	nextKeys, nextValues := len(keys), len(values)
	if a.heads == 1 {
		nextKeys, nextValues = 0, 0
	}
	total := t.start + t.rows // positions the last row sees
	stride := padded(total)
	scores := resize(&s.scores, n*stride)
	panel.MulF16(scores, stride, q, d, n, keys, d*panel.Width, d, stride/panel.Width, nextKeys)
	scale := float32(1 / math.Sqrt(float64(d)))
	for r := range n {
		seen := t.start + r/group + 1
		p := scores[r*stride : (r+1)*stride]
		kernel.Softmax(p[:seen], p[:seen], scale)
		clear(p[seen:total])
	}
	wide := padded(d)
	out := resize(&s.out, n*wide)
	panel.MulF16(out, wide, scores, stride, n, values, t.cache.capacity*panel.Width, total, wide/panel.Width, nextValues)
	for r := range n {
		to := (t.row+r/group)*(c.Heads*c.HeadDim) + (head*group+r%group)*d
		copy(a.attended[to:to+d], out[r*wide:])
	}
}
