package tokenizer

import (
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// Hash identifies the mapping between text and ids: two tokenizers with the same hash give the same ids, so one's ids
// mean the same to the other. It is the same whichever container the tokenizer came from.
func (t *Tokenizer) Hash() string { return t.hash() }

func (t *Tokenizer) digest() string {
	h := xxhash.New()
	number := func(n int64) { h.Write(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	text := func(s string) {
		number(int64(len(s)))
		h.WriteString(s)
	}
	text(string(t.Kind))
	if t.Kind == BPE {
		pre, _ := preTokenizerByName(t.Pre) // checked when the tokenizer was made
		text(pre.patterns[0])
	}
	number(int64(len(t.text)))
	for i, s := range t.text {
		text(s)
		if t.types[i] == typeControl || t.types[i] == typeUserDefined {
			number(int64(t.types[i]))
		}
	}
	number(int64(len(t.merges)))
	for _, m := range t.merges {
		number(int64(m[0])<<32 | int64(m[1]))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
