package tokenizer

import "math"

// noRank is the rank of a pair that is never merged.
const noRank = math.MaxUint32

// pairs maps two neighbours to the rank of their merge and the token that it gives: a hash table with open addressing,
// since this look-up is most of what encoding does beyond splitting.
type pairs struct {
	slots []pairSlot
	shift uint
}

type pairSlot struct {
	left, right Token
	rank        uint32
	to          Token
}

func newPairs(n int) pairs {
	bits := uint(4)
	for 1<<bits < 2*n {
		bits++
	}
	p := pairs{slots: make([]pairSlot, 1<<bits), shift: 64 - bits}
	for i := range p.slots {
		p.slots[i].left = None
	}
	return p
}

func (p *pairs) slot(left, right Token) int {
	return int((uint64(uint32(left))<<32 | uint64(uint32(right))) * 0x9e3779b97f4a7c15 >> p.shift)
}

// add enters a pair; of two entries for one, the first counts.
func (p *pairs) add(left, right Token, rank uint32, to Token) {
	for i := p.slot(left, right); ; i = (i + 1) & (len(p.slots) - 1) {
		s := &p.slots[i]
		if s.left == left && s.right == right {
			return
		}
		if s.left == None {
			*s = pairSlot{left, right, rank, to}
			return
		}
	}
}

// find returns the rank and the result of merging left and right; noRank if they do not merge.
func (p *pairs) find(left, right Token) (uint32, Token) {
	for i := p.slot(left, right); ; i = (i + 1) & (len(p.slots) - 1) {
		s := &p.slots[i]
		if s.left == left && s.right == right {
			return s.rank, s.to
		}
		if s.left == None {
			return noRank, None
		}
	}
}

// candidate is a pair that may be merged. The lowest key goes first: its rank above, its place below, so the leftmost of
// equals. left and right are what was there when it was entered; if they changed since, it is stale.
type candidate struct {
	key             uint64
	to, left, right Token
}

// pairHeap is a binary heap of candidates; container/heap would box each of them.
type pairHeap struct{ list []candidate }

func (h *pairHeap) reset()      { h.list = h.list[:0] }
func (h *pairHeap) empty() bool { return len(h.list) == 0 }

func (h *pairHeap) push(c candidate) {
	h.list = append(h.list, c)
	i := len(h.list) - 1
	for i > 0 && c.key < h.list[(i-1)/2].key {
		h.list[i] = h.list[(i-1)/2]
		i = (i - 1) / 2
	}
	h.list[i] = c
}

func (h *pairHeap) pop() candidate {
	top := h.list[0]
	n := len(h.list) - 1
	last := h.list[n]
	h.list = h.list[:n]
	i := 0
	for 2*i+1 < n {
		child := 2*i + 1
		if child+1 < n && h.list[child+1].key < h.list[child].key {
			child++
		}
		if last.key <= h.list[child].key {
			break
		}
		h.list[i] = h.list[child]
		i = child
	}
	if n > 0 {
		h.list[i] = last
	}
	return top
}
