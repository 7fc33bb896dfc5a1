package kernel

import "math"

// attentionBlock is the side of the blocks of scores: 256 queries by 256 keys of one head are in the
// L2 cache at a time. Half of them are masked; within a block, groups of rows skip what they do not see.
const attentionBlock = 256

// attentionForward has one item per block of query rows and KV head. Keys and values are packed once
// for all heads of the group. Several blocks of keys are combined by the online softmax (Milakov and
// Gimelshein 2018, arXiv:1805.02867).
type attentionForward attentionTask

// attentionScratch is the private memory of one worker.
type attentionScratch struct {
	queries, scores blockA
	keys, values    []float32 // packed right factors
	p               []float32 // scores, then probabilities, of one group of rows
	max, sum        []float32 // per head of the group and row
	out             []float32 // outputs of a block of rows, head after head
	edge            edgeTile

	douts, scoresT               blockA // of the backward pass
	keyRows, queryRows, doutRows []float32
	dp                           []float32
	dq, dk, dv                   []float32 // of all rows, head after head, and of a block of keys
}

var attentionScratches = newRecycler[attentionScratch]()

// groupRows is how many query rows are masked and skipped together: about 32, in whole strips.
func groupRows(e engine) int {
	strip, _ := e.tile()
	return roundUp(32, strip)
}

func (t *attentionForward) Do(item int) {
	s := attentionScratches.get()
	defer attentionScratches.put(s)
	kv := item % t.KVHeads
	r0, r1 := blockRange(item/t.KVHeads, attentionBlock, t.q.Rows)
	group := t.Heads / t.KVHeads
	s.max, s.sum = grow(s.max, group*attentionBlock), grow(s.sum, group*attentionBlock)
	s.out = grow(s.out, group*(r1-r0)*t.HeadDim)
	keys, values := t.task().head(t.k, kv), t.task().head(t.v, kv)
	for c0 := int(t.Start[r0]); c0 < r1; c0 += attentionBlock {
		n := min(attentionBlock, r1-c0)
		s.keys = packRight(t.engine, s.keys, operand{keys.Slice(c0, c0+n), true})
		s.values = packRight(t.engine, s.values, operand{values.Slice(c0, c0+n), false})
		for h := range group {
			t.rows(s, kv, h, r0, r1, c0, n)
		}
	}
	for h := range group {
		out, sums := t.task().head(t.out, kv*group+h), t.outputs(s, h, r1-r0)
		for i := r0; i < r1; i++ {
			at, row := h*attentionBlock+i-r0, sums.Row(i-r0)
			active.scale(row, 1/s.sum[at])
			copy(out.Row(i), row)
			t.lse[(kv*group+h)*t.q.Rows+i] = logSum(t.scale, s.max[at], float64(s.sum[at]))
		}
	}
}

func (t *attentionForward) task() *attentionTask { return (*attentionTask)(t) }

// outputs returns what one head of the group adds up. It is done in the cache and copied at the end:
// tiles that are stored to memory, a line from each of many pages, wait for every line.
func (t *attentionForward) outputs(s *attentionScratch, h, rows int) Matrix {
	return headRows(s.out, h, rows, t.HeadDim)
}

// headRows views the rows of head h in memory that holds one head after another.
func headRows(all []float32, h, rows, d int) Matrix {
	return NewMatrix(all[h*rows*d:(h+1)*rows*d], rows, d)
}

// rows adds to the output of head h of the group what rows [r0, r1) see among keys [c0, c0+n). The
// maximum and sum of row i are at i+state.
func (t *attentionForward) rows(s *attentionScratch, kv, h, r0, r1, c0, n int) {
	e, size := t.engine, groupRows(t.engine)
	_, width := e.tile()
	q, out := t.task().head(t.q, kv*(t.Heads/t.KVHeads)+h), t.outputs(s, h, r1-r0)
	state := h*attentionBlock - r0
	for g0 := r0; g0 < r1; g0 += size {
		g1 := min(g0+size, r1)
		if g1 <= c0 || int(t.Start[g0]) >= c0+n {
			continue
		}
		seen := min(n, g1-c0)
		columns := roundUp(seen, width)
		s.p = grow(s.p, size*(attentionBlock+width+rowPad))
		p := Matrix{Data: s.p, Rows: g1 - g0, Cols: columns, Stride: attentionBlock + width + rowPad}
		e.packA(&s.queries, operand{Matrix: q}, g0, g1-g0, 0, t.HeadDim)
		multiplyRows(e, p, &s.queries, 0, s.keys, t.HeadDim, 0, false, &s.edge)
		first := int(t.Start[g0]) >= c0
		k := min(roundUp(seen, e.grain()), columns)
		for i := g0; i < g1; i++ {
			t.softmax(s, p.Row(i - g0)[:k], out.Row(i-r0), i, i+state, c0, n, first)
		}
		e.packA(&s.scores, operand{Matrix: p}, 0, g1-g0, 0, k)
		multiplyRows(e, out.Slice(g0-r0, g1-r0), &s.scores, 0, s.values, n, 0, !first, &s.edge)
	}
}

// softmax turns the scores of row i into exp(scale·(score − maximum so far)), with zeros where the row
// does not attend, and corrects what was computed under an older maximum.
func (t *attentionForward) softmax(s *attentionScratch, p, out []float32, i, state, c0, n int, first bool) {
	if first {
		s.max[state], s.sum[state] = float32(math.Inf(-1)), 0
	}
	lo, hi := t.task().visible(i, c0, n)
	if lo >= hi {
		clear(p)
		return
	}
	clear(p[:lo])
	clear(p[hi:])
	before := s.max[state]
	shift := max(before, finiteMax(p[lo:hi]))
	sum := active.expShifted(p[lo:hi], p[lo:hi], shift, rate(t.scale))
	if !first && shift > before {
		correction := float32(math.Exp(float64(t.scale) * float64(before-shift)))
		active.scale(out, correction)
		s.sum[state] *= correction
	}
	s.max[state] = shift
	s.sum[state] += sum
}

// packRight packs a whole right factor.
func packRight(e engine, dst []float32, b operand) []float32 {
	k, columns := b.shape()
	_, width := e.tile()
	dst = grow(dst, blockCount(columns, width)*e.panel(k))
	e.packB(dst, b, 0, columns, 0, k)
	return dst
}

// multiplyRows computes c (+)= a·b[k0 : k0+a.k] from strip `from` of a on, where b was packed over k
// products; k0 is a multiple of the grain.
func multiplyRows(e engine, c Matrix, a *blockA, from int, b []float32, k, k0 int, accumulate bool, edge *edgeTile) {
	strip, width := e.tile()
	columns := width
	if e.panel(a.k) == e.panel(k) {
		columns = roundUp(c.Cols, width) // panels follow one another without gaps
	}
	for j := 0; j < c.Cols; j += columns {
		words := b[j/width*e.panel(k)+e.panel(k0):]
		for r := 0; r < c.Rows; r += strip {
			block := Matrix{Data: c.Data[r*c.Stride+j:], Rows: min(strip, c.Rows-r), Cols: min(columns, c.Cols-j), Stride: c.Stride}
			e.multiply(block, a, from+r/strip, words, accumulate, edge)
		}
	}
}
