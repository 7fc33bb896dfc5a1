package grammar

import (
	"bytes"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// Vocabulary is what tokens write. It may be shared.
type Vocabulary struct {
	pieces [][]byte
	ends   map[distill.Token]bool
	order  []distill.Token // those that write something, by what they write
	shared []int           // how many bytes each has in common with the one before it
}

// NewVocabulary takes the bytes of every token, none for those that write nothing, and the tokens that end a text, which
// write nothing either.
func NewVocabulary(pieces [][]byte, ends []distill.Token) *Vocabulary {
	v := &Vocabulary{pieces: pieces, ends: map[distill.Token]bool{}}
	for _, id := range ends {
		v.ends[id] = true
	}
	for id, piece := range pieces {
		if len(piece) > 0 && !v.ends[distill.Token(id)] {
			v.order = append(v.order, distill.Token(id))
		}
	}
	slices.SortFunc(v.order, func(a, b distill.Token) int { return bytes.Compare(pieces[a], pieces[b]) })
	v.shared = make([]int, len(v.order))
	for i := 1; i < len(v.order); i++ {
		a, b := pieces[v.order[i-1]], pieces[v.order[i]]
		for v.shared[i] < min(len(a), len(b)) && a[v.shared[i]] == b[v.shared[i]] {
			v.shared[i]++
		}
	}
	return v
}

// mask returns a bit for every token, set where it can come next in s. Sorted tokens that begin alike are walked together,
// and left together where their beginning leads nowhere.
func (v *Vocabulary) mask(s *Session) []uint64 {
	mask := make([]uint64, (len(v.pieces)+63)/64)
	path := []int32{s.at} // the states after each byte of the piece at hand
	for i := 0; i < len(v.order); {
		id := v.order[i]
		piece := v.pieces[id]
		path = path[:min(len(path), v.shared[i]+1)]
		for len(path) <= len(piece) {
			next := s.step(path[len(path)-1], piece[len(path)-1])
			if next == dead {
				break
			}
			path = append(path, next)
		}
		if len(path) == len(piece)+1 {
			mask[id/64] |= 1 << (id % 64)
			i++
			continue
		}
		for i++; i < len(v.order) && v.shared[i] >= len(path); i++ { // its first len(path) bytes lead nowhere
		}
	}
	if s.ended(s.at) {
		for id := range v.ends {
			if int(id) < len(v.pieces) {
				mask[id/64] |= 1 << (id % 64)
			}
		}
	}
	return mask
}
