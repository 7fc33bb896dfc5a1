package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"

	"github.com/seed-d24fde5f/distill"
)

// RowID returns the identity of one answer: 32 hexadecimal digits, the first half of a SHA-256 over the prompt's id,
// the index of the sample, the teacher's name and the sampling. The seed counts: another seed is another answer.
func RowID(promptID string, sample int32, teacher string, sampling distill.Sampling) string {
	h := sha256.New()
	number := func(v uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
	text := func(s string) { // the length keeps "ab","c" apart from "a","bc"
		number(uint64(len(s)))
		h.Write([]byte(s))
	}
	text(promptID)
	number(uint64(sample))
	text(teacher)
	for _, x := range []float64{sampling.Temperature, sampling.TopP, sampling.MinP, sampling.RepetitionPenalty} {
		number(math.Float64bits(x + 0)) // + 0 turns -0 into 0
	}
	number(uint64(sampling.TopK))
	number(uint64(sampling.MaxTokens))
	number(sampling.Seed)
	number(uint64(len(sampling.Stop)))
	for _, s := range sampling.Stop {
		text(s)
	}
	return hex.EncodeToString(h.Sum(nil)[:keySize])
}

const keySize = 16

// key is a row id in 16 bytes: what a million-row ledger holds in memory.
type key [keySize]byte

// keyOf decodes an id that [RowID] made; any other string, as imported rows may have, is hashed.
func keyOf(id string) (k key) {
	if len(id) == 2*keySize {
		if _, err := hex.Decode(k[:], []byte(id)); err == nil && hex.EncodeToString(k[:]) == id {
			return k
		}
	}
	sum := sha256.Sum256([]byte(id))
	copy(k[:], sum[:])
	return k
}
