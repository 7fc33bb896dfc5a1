package pack

import (
	"math/bits"
	"math/rand/v2"
	"slices"
)

// piece is a run of one example's positions that lies in one row: inputs are tokens[from:to], targets tokens[from+1:to+1].
type piece struct{ example, from, to int32 }

func (p piece) size() int { return int(p.to - p.from) }

// window is the number of shuffled pieces that are packed together. Best fit over so many leaves well under one
// percent of padding when rows hold several examples, and what shares a row is still up to chance.
const window = 4096

// planEpoch returns the rows of one epoch. The same corpus, options and epoch give the same plan.
func planEpoch(pieces []piece, length int, seed, epoch uint64) [][]piece {
	random := rand.New(rand.NewPCG(seed, epoch))
	order := slices.Clone(pieces)
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	var rows [][]piece
	for part := range slices.Chunk(order, window) {
		rows = append(rows, bestFit(part, length)...)
	}
	// Best fit puts the long ones first; the student should not notice.
	random.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// bestFit packs pieces into rows of length positions: the longest first, each where the least room stays. Open rows
// are kept by their room, and a bitmap over rooms finds the tightest in length/64 steps.
func bestFit(pieces []piece, length int) [][]piece {
	slices.SortStableFunc(pieces, func(a, b piece) int { return b.size() - a.size() })
	var rows [][]piece
	byRoom := make([][]int, length+1)
	filled := make([]uint64, length/64+1)
	for _, p := range pieces {
		room := firstFrom(filled, p.size())
		row := len(rows)
		if room < 0 {
			rows = append(rows, nil)
			room = length
		} else {
			open := byRoom[room]
			row = open[len(open)-1]
			if byRoom[room] = open[:len(open)-1]; len(open) == 1 {
				filled[room/64] &^= 1 << (room % 64)
			}
		}
		rows[row] = append(rows[row], p)
		if room -= p.size(); room > 0 {
			byRoom[room] = append(byRoom[room], row)
			filled[room/64] |= 1 << (room % 64)
		}
	}
	return rows
}

// firstFrom returns the lowest bit of set that is at least from, or -1.
func firstFrom(set []uint64, from int) int {
	word := from / 64
	for masked := set[word] &^ (1<<(from%64) - 1); ; masked = set[word] {
		if masked != 0 {
			return word*64 + bits.TrailingZeros64(masked)
		}
		if word++; word == len(set) {
			return -1
		}
	}
}
