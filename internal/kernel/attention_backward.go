package kernel

// span is a range of rows that attend nothing outside it, nor are attended from there.
type span struct{ lo, hi int }

// appendSpans cuts all rows into spans, as many as there are, but none shorter than half a block and
// preferably of a multiple of 32 rows.
func appendSpans(spans []span, start []int32) []span {
	lo := 0
	for i := 1; i < len(start); i++ {
		rows := i - lo
		if int(start[i]) == i && rows >= attentionBlock/2 && (rows%32 == 0 || rows >= 2*attentionBlock) {
			spans = append(spans, span{lo, i})
			lo = i
		}
	}
	if len(start) > 0 {
		spans = append(spans, span{lo, len(start)})
	}
	return spans
}

// attentionBackward has one item per span and KV head, which owns its rows of dk and dv and of the dq
// of its group. Blocks of keys by blocks of queries, as in Dao 2023, arXiv:2307.08691, algorithm 2.
type attentionBackward attentionTask

func (t *attentionBackward) task() *attentionTask { return (*attentionTask)(t) }

func (t *attentionBackward) Do(item int) {
	s := attentionScratches.get()
	defer attentionScratches.put(s)
	kv, rows := item%t.KVHeads, t.spans[item/t.KVHeads]
	group := t.Heads / t.KVHeads
	s.dq = grow(s.dq, group*(rows.hi-rows.lo)*t.HeadDim)
	keys, values := t.task().head(t.k, kv), t.task().head(t.v, kv)
	for c0 := rows.lo; c0 < rows.hi; c0 += attentionBlock {
		n := min(attentionBlock, rows.hi-c0)
		s.keys = packRight(t.engine, s.keys, operand{keys.Slice(c0, c0+n), true})
		s.values = packRight(t.engine, s.values, operand{values.Slice(c0, c0+n), true})
		s.keyRows = packRight(t.engine, s.keyRows, operand{keys.Slice(c0, c0+n), false})
		s.dk, s.dv = grow(s.dk, n*t.HeadDim), grow(s.dv, n*t.HeadDim)
		for r0 := c0; r0 < rows.hi; r0 += attentionBlock {
			if int(t.Start[r0]) >= c0+n {
				break // Start never decreases: no later row sees these keys
			}
			for h := range group {
				t.block(s, rows, kv, h, r0, min(r0+attentionBlock, rows.hi), c0, n)
			}
		}
		t.rotateBack(s.dk, c0)
		copyRows(t.task().head(t.dk, kv).Slice(c0, c0+n), s.dk)
		copyRows(t.task().head(t.dv, kv).Slice(c0, c0+n), s.dv)
	}
	for h := range group {
		dq := headRows(s.dq, h, rows.hi-rows.lo, t.HeadDim).Data
		t.rotateBack(dq, rows.lo)
		copyRows(t.task().head(t.dq, kv*group+h).Slice(rows.lo, rows.hi), dq)
	}
}

// rotateBack takes the gradients of a head, of rows from lo on, back through the rotation.
func (t *attentionBackward) rotateBack(rows []float32, lo int) {
	if t.Rotation == nil {
		return
	}
	for d := t.HeadDim; len(rows) > 0; rows, lo = rows[d:], lo+1 {
		t.Rotation.rotate(rows[:d], t.Positions[lo], -1)
	}
}

// copyRows sets the rows of dst, rounding them if it is in bf16.
func copyRows(dst Matrix, src []float32) {
	for i := range dst.Rows {
		if row := src[i*dst.Cols : (i+1)*dst.Cols]; dst.BF16 != nil {
			dst.setRow(i, row)
		} else {
			copy(dst.Row(i), row)
		}
	}
}

// block adds the gradients from queries [r0, r1) of head h of the group and keys [c0, c0+n).
func (t *attentionBackward) block(s *attentionScratch, all span, kv, h, r0, r1, c0, n int) {
	e, d, count := t.engine, t.HeadDim, all.hi-all.lo
	head := kv*(t.Heads/t.KVHeads) + h
	dq := headRows(s.dq, h, count, d).Slice(r0-all.lo, r1-all.lo)
	strip, width := e.tile()
	q, dout := t.task().head(t.q, head).Slice(r0, r1), t.task().head(t.dout, head).Slice(r0, r1)
	e.packA(&s.queries, operand{Matrix: q}, 0, r1-r0, 0, d)
	e.packA(&s.douts, operand{Matrix: dout}, 0, r1-r0, 0, d)
	s.queryRows = packRight(e, s.queryRows, operand{Matrix: q})
	s.doutRows = packRight(e, s.doutRows, operand{Matrix: dout})

	rows := roundUp(r1-r0, e.grain())
	stride := attentionBlock + width + rowPad
	s.p, s.dp = grow(s.p, (attentionBlock+strip)*stride), grow(s.dp, (attentionBlock+strip)*stride)
	p := Matrix{Data: s.p, Rows: rows, Cols: roundUp(n, max(e.grain(), width)), Stride: stride}
	dp := p
	dp.Data = s.dp
	for i := r1 - r0; i < rows; i++ {
		clear(p.Row(i))
		clear(dp.Row(i))
	}
	size := groupRows(e)
	for g0 := r0; g0 < r1; g0 += size {
		t.scores(s, head, p, dp, dq, r0, g0, min(g0+size, r1), c0, n)
	}
	// Keys before r0+k0 … are seen from row k0 on.
	dk, dv := NewMatrix(s.dk, n, d), NewMatrix(s.dv, n, d)
	accumulate := r0 > c0 || h > 0 // the first block to reach these keys overwrites
	for j := 0; j < n; j += size {
		k0 := max(0, c0+j-r0) &^ 31
		if k0 >= r1-r0 {
			break
		}
		count := min(size, n-j)
		e.packA(&s.scoresT, operand{p, true}, j, count, k0, rows-k0)
		multiplyRows(e, dv.Slice(j, j+count), &s.scoresT, 0, s.doutRows, r1-r0, k0, accumulate, &s.edge)
		e.packA(&s.scoresT, operand{dp, true}, j, count, k0, rows-k0)
		multiplyRows(e, dk.Slice(j, j+count), &s.scoresT, 0, s.queryRows, r1-r0, k0, accumulate, &s.edge)
	}
}

// scores computes p and dp for rows [g0, g1) of a block whose first row is r0, and their share of dq.
func (t *attentionBackward) scores(s *attentionScratch, head int, p, dp, dq Matrix, r0, g0, g1, c0, n int) {
	e := t.engine
	strip, width := e.tile()
	seen := min(n, g1-c0)
	columns := roundUp(seen, width)
	gp, gdp := p.Slice(g0-r0, g1-r0).Columns(0, columns), dp.Slice(g0-r0, g1-r0).Columns(0, columns)
	at := (g0 - r0) / strip
	multiplyRows(e, gp, &s.queries, at, s.keys, t.HeadDim, 0, false, &s.edge)
	multiplyRows(e, gdp, &s.douts, at, s.values, t.HeadDim, 0, false, &s.edge)
	// Keys up to here are reached by the products with the transposes of p and dp.
	reached := min(p.Cols, roundUp(seen, 32)+2*groupRows(e))
	for i := g0; i < g1; i++ {
		lo, hi := t.task().visible(i, c0, n)
		pi, di := p.Row(i - r0)[:reached], dp.Row(i - r0)[:reached]
		if lo >= hi {
			lo, hi = 0, 0
		}
		active.scoreGradient(pi[lo:hi], di[lo:hi], t.scale, t.lse[head*t.q.Rows+i]/t.scale, rate(t.scale), t.delta[i*t.Heads+head])
		clear(pi[:lo])
		clear(pi[hi:])
		clear(di[:lo])
		clear(di[hi:])
	}
	k := min(roundUp(seen, e.grain()), p.Cols)
	e.packA(&s.scores, operand{Matrix: dp}, g0-r0, g1-g0, 0, k)
	multiplyRows(e, dq.Slice(g0-r0, g1-r0), &s.scores, 0, s.keyRows, n, 0, int(t.Start[g0]) < c0, &s.edge)
}
