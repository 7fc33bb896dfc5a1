//go:build !purego

package quant

// lanes is the number of groups that are fitted side by side.
const lanes = 8

// affineLanes are eight groups of at most 32 elements: element e of group g lies at 8·e+g.
type affineLanes struct {
	x, w       [blockSize * lanes]float32
	levels     [2][blockSize * lanes]float32 // the best, and those that are tried
	scale, low [lanes]float32
}

//go:noescape
func fitAffineAVX2(a *affineLanes, n int, numerators *float32, candidates int, levels float32, absolute bool)

//go:noescape
func transposeAVX2(dst, src *float32, n int)

// fitAffineGroups fits every group of len(x)/len(scale) elements on its own: 16 or 32 of them.
func fitAffineGroups(q []uint8, x, w []float32, n int, s search, scale, m []float32) {
	if !hasAVX2 {
		fitAffineGroupsReference(q, x, w, n, s, scale, m)
		return
	}
	var numerators [maxCandidates]float32
	numerators[0] = float32(n)
	for i := 0; i <= s.count; i++ {
		numerators[1+i] = s.numerator(i, n)
	}
	group := len(x) / len(scale)
	var a affineLanes
	for len(scale) > 0 {
		k := min(lanes, len(scale))
		a.load(x[:k*group], w[:k*group], group)
		fitAffineAVX2(&a, group, &numerators[0], s.count+2, float32(n), s.absolute)
		a.store(q[:k*group], group)
		copy(scale[:k], a.scale[:])
		for g := range k {
			m[g] = -a.low[g]
		}
		q, x, w, scale, m = q[k*group:], x[k*group:], w[k*group:], scale[k:], m[k:]
	}
}

// load puts groups into the lanes, the last of them again and again where they are fewer.
func (a *affineLanes) load(x, w []float32, group int) {
	if len(x) == lanes*group {
		transposeAVX2(&a.x[0], &x[0], group)
		transposeAVX2(&a.w[0], &w[:len(x)][0], group)
		return
	}
	last := len(x)/group - 1
	for g := range lanes {
		from := min(g, last) * group
		for e := range group {
			a.x[lanes*e+g], a.w[lanes*e+g] = x[from+e], w[from+e]
		}
	}
}

// store writes the levels of the groups that q has room for.
func (a *affineLanes) store(q []uint8, group int) {
	for g := 0; len(q) > 0; g++ {
		for e := range q[:group] {
			q[e] = uint8(a.levels[0][lanes*e+g])
		}
		q = q[group:]
	}
}
