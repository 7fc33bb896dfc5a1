package align

import (
	"bytes"
	"math"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// Text is an answer as the teacher tokenized it.
type Text struct {
	IDs      []distill.Token
	Signal   *distill.Signal // its distribution at each of them
	Logprobs []float32       // of each of them; nil where only the signal tells
}

// Report says how much was carried over.
type Report struct {
	Positions int     // of the student
	Aligned   int     // that have a signal
	Mass      float64 // mean share of the teacher's mass that found a token of the student, over these
}

// Add adds the report of another text.
func (r *Report) Add(o Report) {
	if n := r.Aligned + o.Aligned; n > 0 {
		r.Mass = (r.Mass*float64(r.Aligned) + o.Mass*float64(o.Aligned)) / float64(n)
	}
	r.Positions, r.Aligned = r.Positions+o.Positions, r.Aligned+o.Aligned
}

// Share returns the share of the student's positions that have a signal.
func (r Report) Share() float64 { return float64(r.Aligned) / float64(max(1, r.Positions)) }

// Carry returns the teacher's signal at the student's positions, with empty entries where nothing is known. Position i of
// a signal is the distribution of token i. The student's text must be the teacher's, byte for byte, or a part of it;
// tokens without bytes do not count. Otherwise it returns ErrText. The result is a TopK signal: what is not among its
// entries is the tail. It is not safe for concurrent use.
func (v *Vocabularies) Carry(t Text, student []distill.Token) (*distill.Signal, Report, error) {
	report := Report{Positions: len(student)}
	c, at, err := v.along(t, student)
	if err != nil {
		return nil, report, err
	}
	out := &distill.Signal{Kind: distill.TopK}
	for _, id := range student {
		piece := v.student(id)
		masses := c.masses(at, id, piece)
		var ids []distill.Token
		var logprobs []float32
		var sum float64
		for _, token := range sortedKeys(masses) {
			ids, logprobs = append(ids, token), append(logprobs, float32(math.Log(masses[token])))
			sum += masses[token]
		}
		if len(ids) > 0 {
			report.Aligned++
			report.Mass += sum
		}
		out.Append(ids, logprobs)
		at += len(piece)
	}
	report.Mass /= float64(max(1, report.Aligned))
	return out, report, nil
}

func (v *Vocabularies) bytesOf(student []distill.Token) (text []byte) {
	for _, id := range student {
		text = append(text, v.student(id)...)
	}
	return text
}

func sortedKeys(masses map[distill.Token]float64) []distill.Token {
	var keys []distill.Token
	for id, p := range masses {
		if p > 0 {
			keys = append(keys, id)
		}
	}
	slices.Sort(keys)
	return keys
}

// walker knows where the teacher's tokens lie in their text.
type walker struct {
	*Vocabularies
	Text
	text   []byte
	tokens []int // indices of those that have bytes, and of an end token after the last of them
	starts []int // where each begins; one more than tokens
}

func (v *Vocabularies) walk(t Text) *walker {
	c := &walker{Vocabularies: v, Text: t}
	for i, id := range t.IDs {
		piece := v.teacher(id)
		if _, end := v.ends[id]; len(piece) == 0 && !end {
			continue
		}
		c.tokens, c.starts = append(c.tokens, i), append(c.starts, len(c.text))
		c.text = append(c.text, piece...)
	}
	c.starts = append(c.starts, len(c.text))
	return c
}

// at returns which of the teacher's tokens holds the byte, or ends the answer there.
func (c *walker) at(offset int) (k int, ok bool) {
	k, found := slices.BinarySearch(c.starts[:len(c.tokens)], offset)
	if !found {
		k--
	}
	return k, k >= 0 && (found || offset < c.starts[k+1])
}

// masses returns what the teacher gives to the student's tokens after the bytes before offset, of which target, with those
// bytes, is the one that follows. It is empty where the teacher's own token is not known.
func (c *walker) masses(offset int, target distill.Token, piece []byte) map[distill.Token]float64 {
	k, ok := c.at(offset)
	if !ok {
		return nil
	}
	before := c.text[c.starts[k]:offset]
	all, taken := c.going(k, before)
	if !(all > 0) || taken == 0 {
		return nil
	}
	masses := map[distill.Token]float64{}
	id := c.IDs[c.tokens[k]]
	switch end, ends := c.ends[id]; {
	case ends && end == target && len(before) == 0:
		masses[target] = taken / all
	case ends || len(piece) == 0:
		return nil // a token that steers stands in the text of one of the two
	default:
		masses[target] = taken / all * c.follows(k, offset+len(piece))
	}
	entries, logprobs := c.Signal.At(c.tokens[k])
	for i, other := range entries {
		if other == id {
			continue
		}
		p := math.Exp(float64(logprobs[i])) / all
		if end, ok := c.ends[other]; ok && len(before) == 0 {
			masses[end] += p
		} else if rest, ok := bytes.CutPrefix(c.teacher(other), before); ok && len(rest) > 0 {
			if to := c.beginsWith(rest); to >= 0 {
				masses[to] += p
			}
		}
	}
	return masses
}

// going returns the mass of the teacher's tokens at k that begin with the bytes before, and that of the one it took, 0
// where that is not known.
func (c *walker) going(k int, before []byte) (all, taken float64) {
	i := c.tokens[k]
	entries, logprobs := c.Signal.At(i)
	if len(entries) == 0 {
		return 0, 0
	}
	for j, id := range entries {
		p := math.Exp(float64(logprobs[j]))
		if id == c.IDs[i] {
			taken = p
		}
		if bytes.HasPrefix(c.teacher(id), before) {
			all += p
		}
	}
	if taken == 0 && c.Logprobs != nil {
		taken = math.Exp(float64(c.Logprobs[i]))
		all += taken
	}
	if len(before) == 0 {
		all = 1
	}
	return all, taken
}

// follows returns the probability of the text up to end, after the teacher's token at k: the product over the tokens that
// lie within it, and of the last one all that go on as it does.
func (c *walker) follows(k, end int) float64 {
	p := 1.0
	for k++; k < len(c.tokens) && c.starts[k] < end; k++ {
		if end < c.starts[k+1] {
			all, taken := c.going(k, c.text[c.starts[k]:end])
			if taken == 0 {
				return 0
			}
			return p * all
		}
		_, taken := c.going(k, nil)
		p *= taken
	}
	return p
}
