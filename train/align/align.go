// Package align carries a teacher's distribution over to a student with another tokenizer.
//
//	v, err := align.NewVocabularies(teacherPiece, teacherSize, studentPiece, studentSize)
//	signal, report, err := v.Carry(teacherIDs, teacherSignal, studentIDs)
//
// Both have tokenized the same text. Where the next token begins and ends at the same bytes in both, the two are asked the
// same question, and the teacher's answer is carried over entry by entry: an entry whose bytes are a token of the student
// keeps its probability under the student's id, the mass of all others becomes part of the tail. Elsewhere there is no
// signal, and the student learns from the text alone. It is the one-to-one part of span alignment (ULD, arXiv:2402.12030;
// GOLD in Hugging Face TRL): spans of several tokens are left out rather than approximated.
//
// What can be carried over is reported; two vocabularies that share too little are refused.
package align

import (
	"errors"
	"fmt"
	"math"

	"github.com/seed-d24fde5f/distill"
)

// MinShared is the least share of the student's vocabulary that the teacher must know by the same bytes.
const MinShared = 0.1

// ErrForeign says that two vocabularies share too little for distributions to mean anything across them.
var ErrForeign = errors.New("align: the vocabularies of teacher and student share too little")

// ErrText says that the two token sequences are not of the same text.
var ErrText = errors.New("align: teacher and student have tokenized different texts")

// Vocabularies maps a teacher's tokens to a student's by their bytes.
type Vocabularies struct {
	teacher, student func(distill.Token) []byte
	toStudent        []distill.Token // by the teacher's id; −1 for none
	shared           float64
}

// NewVocabularies returns the map between two vocabularies, given the bytes of each token. Tokens without bytes, such as
// control tokens, are carried over by no one. It returns ErrForeign if less than MinShared of the student's tokens are
// shared.
func NewVocabularies(teacher func(distill.Token) []byte, teacherSize int, student func(distill.Token) []byte, studentSize int) (*Vocabularies, error) {
	byBytes := make(map[string]distill.Token, studentSize)
	for id := range distill.Token(studentSize) {
		piece := student(id)
		if _, taken := byBytes[string(piece)]; len(piece) > 0 && !taken {
			byBytes[string(piece)] = id
		}
	}
	v := &Vocabularies{teacher: teacher, student: student, toStudent: make([]distill.Token, teacherSize)}
	found := map[distill.Token]bool{}
	for id := range v.toStudent {
		v.toStudent[id] = -1
		if to, ok := byBytes[string(teacher(distill.Token(id)))]; ok {
			v.toStudent[id] = to
			found[to] = true
		}
	}
	if len(byBytes) > 0 {
		v.shared = float64(len(found)) / float64(len(byBytes))
	}
	if v.shared < MinShared {
		return nil, fmt.Errorf("%w: %.1f %% of the student's tokens", ErrForeign, 100*v.shared)
	}
	return v, nil
}

// Shared returns the share of the student's tokens that the teacher has too, by their bytes.
func (v *Vocabularies) Shared() float64 { return v.shared }

// Report says how much was carried over.
type Report struct {
	Positions int     // of the student
	Aligned   int     // where both were asked the same question, and the signal is carried over
	Mass      float64 // mean share of the entries' mass that found a token of the student, over aligned positions
}

// Carry returns the teacher's signal at the student's positions, with empty entries where the two are not aligned.
// Position i of a signal is the distribution of token i. Both sequences must be of one text, byte for byte, which tokens
// without bytes do not count in; otherwise it returns ErrText. Sampled signals become TopK ones: once some draws are lost
// to the tail they are no estimate any more.
func (v *Vocabularies) Carry(teacherIDs []distill.Token, signal *distill.Signal, studentIDs []distill.Token) (*distill.Signal, Report, error) {
	out, report := &distill.Signal{Kind: distill.TopK}, Report{Positions: len(studentIDs)}
	if signal.Len() != len(teacherIDs) {
		return nil, report, fmt.Errorf("align: signal of %d positions for %d tokens", signal.Len(), len(teacherIDs))
	}
	beginnings, total := v.beginnings(teacherIDs)
	at := 0
	var ids []distill.Token
	var logprobs []float32
	for _, id := range studentIDs {
		piece := v.student(id)
		ids, logprobs = ids[:0], logprobs[:0]
		if t, ok := beginnings[at]; ok && len(piece) > 0 && string(v.teacher(teacherIDs[t])) == string(piece) {
			var mass float64
			ids, logprobs, mass = v.entries(signal, t, ids, logprobs)
			if len(ids) > 0 {
				report.Aligned++
				report.Mass += mass
			}
		}
		out.Append(ids, logprobs)
		at += len(piece)
	}
	if at != total {
		return nil, report, fmt.Errorf("%w: %d and %d bytes", ErrText, total, at)
	}
	if report.Aligned > 0 {
		report.Mass /= float64(report.Aligned)
	}
	return out, report, nil
}

// beginnings returns which token begins at each byte, and the length of the text.
func (v *Vocabularies) beginnings(ids []distill.Token) (at map[int]int, total int) {
	at = make(map[int]int, len(ids))
	for i, id := range ids {
		if n := len(v.teacher(id)); n > 0 {
			at[total] = i
			total += n
		}
	}
	return at, total
}

// entries appends the entries of one position under the student's ids, and returns what share of their mass they hold.
func (v *Vocabularies) entries(signal *distill.Signal, position int, ids []distill.Token, logprobs []float32) ([]distill.Token, []float32, float64) {
	from, lps := signal.At(position)
	var all, kept float64
	seen := map[distill.Token]bool{}
	for i, id := range from {
		p := math.Exp(float64(lps[i]))
		all += p
		if int(id) >= len(v.toStudent) || v.toStudent[id] < 0 || seen[v.toStudent[id]] {
			continue
		}
		seen[v.toStudent[id]] = true
		kept += p
		ids, logprobs = append(ids, v.toStudent[id]), append(logprobs, lps[i])
	}
	if all == 0 {
		return ids, logprobs, 0
	}
	return ids, logprobs, kept / all
}
