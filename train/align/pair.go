package align

import (
	"bytes"
	"fmt"
	"math"

	"github.com/seed-d24fde5f/distill"
)

// Pair returns the teacher's distribution as it is at the student's positions where a token of both begins, with empty
// entries elsewhere: what losses compare that do without a token for each entry (ULD, GOLD). An entry has the id of the
// student's token of the same bytes, or one below 0 where there is none. The texts are as for [Vocabularies.Carry]; the
// report's Mass is that of entries with a token. Vocabularies that share nothing do for ULD.
func (v *Vocabularies) Pair(t Text, student []distill.Token) (*distill.Signal, Report, error) {
	report := Report{Positions: len(student)}
	c, at, err := v.along(t, student)
	if err != nil {
		return nil, report, err
	}
	out := &distill.Signal{Kind: distill.TopK}
	for _, id := range student {
		ids, logprobs := c.entries(at, id)
		if len(ids) > 0 {
			report.Aligned++
			for i, id := range ids {
				if id >= 0 {
					report.Mass += math.Exp(float64(logprobs[i]))
				}
			}
		}
		out.Append(ids, logprobs)
		at += len(v.student(id))
	}
	report.Mass /= float64(max(1, report.Aligned))
	return out, report, nil
}

// along finds the student's text in the teacher's, and where it begins there.
func (v *Vocabularies) along(t Text, student []distill.Token) (c *walker, at int, err error) {
	if t.Signal.Len() != len(t.IDs) || t.Logprobs != nil && len(t.Logprobs) != len(t.IDs) {
		return nil, 0, fmt.Errorf("align: signal of %d positions and %d log-probabilities for %d tokens", t.Signal.Len(), len(t.Logprobs), len(t.IDs))
	}
	c = v.walk(t)
	if at = bytes.Index(c.text, v.bytesOf(student)); at < 0 {
		return nil, 0, ErrText
	}
	return c, at, nil
}

// entries returns the teacher's entries at the token that begins where the student's does, none where none does. Several
// of the student's one token, such as a letter and its byte, become one.
func (c *walker) entries(offset int, target distill.Token) (ids []distill.Token, logprobs []float32) {
	k, ok := c.at(offset)
	if !ok || c.starts[k] != offset {
		return nil, nil
	}
	if end, ends := c.ends[c.IDs[c.tokens[k]]]; ends && end != target || !ends && len(c.student(target)) == 0 {
		return nil, nil // a token that steers stands in the text of one of the two
	}
	at := map[distill.Token]int{}
	entries, all := c.Signal.At(c.tokens[k])
	for i, entry := range entries {
		id := c.tokenOf(entry)
		if id < 0 {
			id = distill.Token(-1 - i)
		}
		if j, known := at[id]; known {
			logprobs[j] = float32(math.Log(math.Exp(float64(logprobs[j])) + math.Exp(float64(all[i]))))
			continue
		}
		at[id] = len(ids)
		ids, logprobs = append(ids, id), append(logprobs, all[i])
	}
	return ids, logprobs
}

// tokenOf returns the student's token with the bytes of one of the teacher's, or that ends an answer as it does, −1 for none.
func (c *walker) tokenOf(teacher distill.Token) distill.Token {
	if end, ok := c.ends[teacher]; ok {
		return end
	}
	piece := c.teacher(teacher)
	if len(piece) == 0 {
		return -1
	}
	if id := c.beginsWith(piece); id >= 0 && len(c.student(id)) == len(piece) {
		return id
	}
	return -1
}
