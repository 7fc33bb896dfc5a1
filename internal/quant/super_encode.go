package quant

// encodeSuper writes src, whole super-blocks, in a K format: fit every group on its own, quantize the groups' scales
// and minima under the block's own scale, then round every element again with what the reader will see.
func encodeSuper(t Type, dst []byte, src []float32, importance []float32) {
	size := t.BlockBytes()
	var b superblock
	for i := 0; i < len(src); i += superSize {
		x := (*[superSize]float32)(src[i:])
		var w *[superSize]float32
		if importance != nil {
			w = (*[superSize]float32)(importance[i:])
		}
		b.encode(t, x, w)
		b.pack(t, dst[:size])
		dst = dst[size:]
	}
}

// encode fills the block from x. w is nil without importance.
func (b *superblock) encode(t Type, x, w *[superSize]float32) {
	g := gridOf(t)
	var fit groupFits
	fit.groups(b, t, x, w)
	groups := superSize / g.group
	*b = superblock{q: b.q}
	switch {
	case t == Q6_K:
		if !b.scalesByExtreme(fit.scale[:], -128, 127) {
			b.q = [superSize]uint8{} // all zero, as ggml stores it
			return
		}
	case t == Q3_K && w == nil:
		b.scalesByExtreme(fit.scale[:], -32, 31)
	case t == Q3_K:
		var l [16]uint8
		b.d = roundToFloat16(fitSymmetric(l[:], fit.scale[:], fit.weight[:], 32))
		for i, v := range l {
			b.scale[i] = int(v) - 32
		}
	case w == nil:
		b.d = scalesByRange(b.scale[:groups], fit.scale[:groups], g.scales)
		b.dmin = scalesByRange(b.min[:groups], fit.min[:groups], g.scales)
	default:
		b.d = scalesByFit(b.scale[:groups], fit.scale[:groups], fit.weight[:groups], g.scales)
		b.dmin = scalesByFit(b.min[:groups], fit.min[:groups], fit.weight[:groups], g.scales)
	}
	b.roundElements(g, x)
}

// groupFits are the scale and minimum of each group before they are quantized themselves, and its weight under an importance.
type groupFits struct{ scale, min, weight [16]float32 }

// groups fits each group of the block and leaves its levels in b.q.
func (f *groupFits) groups(b *superblock, t Type, x, w *[superSize]float32) {
	g := gridOf(t)
	var made [superSize]float32
	weights := &made
	if t == Q6_K && w != nil {
		weights = w
	} else {
		weighGroups(t, g, weights, x, w)
	}
	if w != nil {
		f.sumWeights(weights, g.group)
	}
	if g.affine {
		n := superSize / g.group
		fitAffineGroups(b.q[:], x[:], weights[:], g.levels-1, searchOf(t, w != nil), f.scale[:n], f.min[:n])
		return
	}
	for i := 0; i < superSize; i += g.group {
		n, q, xs := i/g.group, b.q[i:i+g.group], x[i:i+g.group]
		if t == Q3_K && w == nil {
			f.scale[n] = refineSymmetric(q, xs, g.zero)
		} else {
			f.scale[n] = fitSymmetric(q, xs, weights[i:i+g.group], g.zero)
		}
	}
}

func (f *groupFits) sumWeights(w *[superSize]float32, group int) {
	for i := 0; i < superSize; i += group {
		var sum float32
		for _, v := range w[i : i+group] {
			sum += v
		}
		f.weight[i/group] = sum
	}
}

// searchOf returns the grid of a type's affine fit.
func searchOf(t Type, important bool) search {
	switch {
	case important:
		return importantSearch
	case t == Q2_K:
		return search{-0.5, 0.1, 15, true}
	case t == Q4_K:
		return search{-1, 0.1, 20, false}
	}
	return search{-0.5, 0.1, 15, false}
}

// weighGroups says how much the error of each element counts in its group's fit.
func weighGroups(t Type, g grid, weights, x, importance *[superSize]float32) {
	if importance == nil {
		for i := 0; i < superSize; i += g.group {
			defaultWeights(t, weights[i:i+g.group], x[i:i+g.group])
		}
		return
	}
	sigma2 := meanSquare(x[:])
	if t != Q2_K {
		sigma2 *= 2
	}
	weigh(weights[:], importance[:], x[:], sigma2)
}

// defaultWeights weighs elements by their own size where nothing is known of what they meet.
func defaultWeights(t Type, w, x []float32) {
	switch t {
	case Q2_K:
		for i, v := range x {
			w[i] = abs(v)
		}
	case Q4_K, Q5_K:
		rms := sqrt(meanSquare(x))
		for i, v := range x {
			w[i] = rms + abs(v)
		}
	default:
		for i, v := range x {
			w[i] = v * v
		}
	}
}

// scalesByExtreme quantizes signed scales so that the one of largest magnitude becomes low exactly. It reports false
// where all are zero.
func (b *superblock) scalesByExtreme(scale []float32, low, high int) bool {
	var largest, extreme float32
	for _, v := range scale {
		if a := abs(v); a > largest {
			largest, extreme = a, v
		}
	}
	if low == -128 && largest < tooSmall || largest == 0 {
		for i := range b.scale {
			if low == -32 { // ggml leaves these twelve bytes zero, which reads as −32
				b.scale[i] = low
			}
		}
		return false
	}
	inverse := float32(low) / extreme
	b.d = roundToFloat16(1 / inverse)
	for i, v := range scale {
		b.scale[i] = clamp(roundEven(inverse*v), low, high)
	}
	return true
}

// scalesByRange quantizes non-negative scales to 0…n, the largest becoming n, and returns their common scale.
func scalesByRange(l []int, scale []float32, n int) float32 {
	var high float32
	for _, v := range scale {
		high = max(high, v)
	}
	if !(high > 0) {
		clear(l)
		return 0
	}
	inverse := float32(n) / high
	for i, v := range scale {
		l[i] = clamp(roundEven(inverse*v), 0, n)
	}
	return roundToFloat16(high / float32(n))
}

// scalesByFit quantizes non-negative scales to 0…n under the groups' weights.
func scalesByFit(l []int, scale, w []float32, n int) float32 {
	var q [16]uint8
	d := fitScales(q[:len(l)], scale, w, n)
	for i := range l {
		l[i] = int(q[i])
	}
	return roundToFloat16(d)
}

// roundElements rounds every element with the scales as they were stored. A group whose scale became zero keeps its
// levels, which no longer matter.
func (b *superblock) roundElements(g grid, x *[superSize]float32) {
	for i := 0; i < superSize; i += g.group {
		n := i / g.group
		d := b.d * float32(b.scale[n])
		if d == 0 {
			continue
		}
		roundGroup(b.q[i:i+g.group], x[i:i+g.group], d, float32(b.dmin*float32(b.min[n])), -g.zero, g.levels-1-g.zero)
	}
}
