package hygiene

import (
	"encoding/binary"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// A signature is 64 minima of one byte each. Its first 32 bytes are 8 bands of 4; two texts of similarity s meet in a
// band with probability 1-(1-s⁴)⁸: 1 % at 0.2, 40 % at 0.5, 98.5 % at 0.8, 99.98 % at 0.9.
const (
	minima   = 64
	bands    = 8
	bandSize = 4
	nearSpan = 3 // words a shingle
)

type signature [minima]byte

func (s *signature) band(b int) uint32 { return binary.LittleEndian.Uint32(s[b*bandSize:]) }

// Near rejects rows whose text resembles an earlier row's: the Jaccard similarity of their sets of three-word runs is
// estimated to be at least threshold, in (0,1]. Rows meet by locality-sensitive hashing of MinHash signatures (Broder
// 1997; Leskovec et al., Mining of Massive Datasets, chapter 3) and are then compared by all 64 minima, of one byte each
// (b-bit minwise hashing, Li and König 2010), with a standard error of 0.05 at 0.8. It remembers some 130 bytes a row.
func Near(threshold float64) (Step, error) {
	if !(threshold > 0 && threshold <= 1) {
		return Step{}, fmt.Errorf("hygiene: near-duplicate threshold of %v: it is above 0 and at most 1", threshold)
	}
	n := new(nearIndex)
	return Step{"near duplicate", func(row *distill.Row) (string, bool) {
		best := n.meet(shingles(words(text(row)), nearSpan), threshold)
		return fmt.Sprintf("%.0f %% like an earlier row", 100*best), best >= threshold
	}}, nil
}

// nearIndex holds the signatures of the rows that were kept, and for each band a table from a band's bytes to the last
// row that has them: open addressing over row numbers, whose keys are in the signatures.
type nearIndex struct {
	chunks [][]signature // of chunkRows each: growing copies nothing
	n      int
	tables [bands][]int32 // row number plus 1; 0 is free; a power of two long
}

// meet returns the greatest estimated similarity to an earlier text, and remembers this one unless that reaches
// threshold.
func (n *nearIndex) meet(shingles []uint64, threshold float64) (best float64) {
	if len(shingles) == 0 {
		return 0
	}
	s := minHash(shingles)
	if n.n*2 >= len(n.tables[0]) {
		n.grow()
	}
	for b := range n.tables {
		if slot := n.slot(b, s.band(b)); *slot != 0 {
			best = max(best, similarity(&s, n.at(*slot)))
		}
	}
	if best >= threshold {
		return best
	}
	if n.n%chunkRows == 0 {
		n.chunks = append(n.chunks, make([]signature, 0, chunkRows))
	}
	last := &n.chunks[len(n.chunks)-1]
	*last = append(*last, s)
	n.n++
	for b := range n.tables {
		*n.slot(b, s.band(b)) = int32(n.n)
	}
	return best
}

const chunkRows = 1 << 14

// at returns the signature of a row by its number in the tables.
func (n *nearIndex) at(row int32) *signature { return &n.chunks[(row-1)/chunkRows][(row-1)%chunkRows] }

// slot returns where key is in the table of a band, or the free place where it belongs.
func (n *nearIndex) slot(b int, key uint32) *int32 {
	table := n.tables[b]
	for i := mix(uint64(key)) & uint64(len(table)-1); ; i = (i + 1) & uint64(len(table)-1) {
		if row := table[i]; row == 0 || n.at(row).band(b) == key {
			return &table[i]
		}
	}
}

// grow doubles the tables, one at a time.
func (n *nearIndex) grow() {
	size := max(1024, 2*len(n.tables[0]))
	for b := range n.tables {
		old := n.tables[b]
		n.tables[b] = make([]int32, size)
		for _, row := range old {
			if row != 0 {
				*n.slot(b, n.at(row).band(b)) = row
			}
		}
	}
}

// minHash returns for each of 64 hash functions the least value over shingles, folded to a byte. The functions are
// x·aᵢ+bᵢ by the upper half of the product, with odd aᵢ: multiply-shift, universal (Dietzfelbinger et al. 1997).
func minHash(shingles []uint64) (s signature) {
	var least [minima]uint32
	for i := range least {
		least[i] = ^uint32(0)
	}
	for _, x := range shingles {
		for i := range least {
			least[i] = min(least[i], uint32((x*multipliers[i]+addends[i])>>32))
		}
	}
	for i, v := range least {
		s[i] = byte(mix(uint64(v))) // of a small minimum the low bits alone would not be random enough
	}
	return s
}

var multipliers, addends = func() (a, b [minima]uint64) {
	for i := range minima {
		a[i] = mix(uint64(2*i+1)) | 1
		b[i] = mix(uint64(2*i + 2))
	}
	return a, b
}()

// similarity estimates the Jaccard similarity from signatures of one byte: unequal minima agree by chance once in 256.
func similarity(a, b *signature) float64 {
	equal := 0
	for i := range a {
		if a[i] == b[i] {
			equal++
		}
	}
	const chance = 1.0 / 256
	return max(0, (float64(equal)/minima-chance)/(1-chance))
}
