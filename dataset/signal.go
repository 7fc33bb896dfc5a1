package dataset

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/float16"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/half"
)

// How a signal lies in a row.
//
// Version 2: top_lengths counts the entries of each position, top_ids and top_logprobs are the entries of all positions,
// one after another. Draws have no order of their own, so in a dataset of them the ids of a position rise, and each but the
// first is written as its distance from the one before: twelve of 150,000 ids then take 29 bytes after compression
// instead of 40. Top-k entries stay as they are, likeliest first.
//
// Version 1: top_ids and top_logprobs are lists of lists, one a position.

// draw is an entry of a position.
type draw struct {
	id      distill.Token
	logprob float32
}

// packedSignal appends a signal to the columns of version 2.
func (e *encoder) packedSignal(s *distill.Signal) {
	ids := e.builder.Field(colTopIDs).(*array.ListBuilder)
	logprobs := e.builder.Field(colTopLogprobs).(*array.ListBuilder)
	lengths := e.builder.Field(colTopLengths).(*array.ListBuilder)
	if s == nil {
		ids.AppendNull()
		logprobs.AppendNull()
		lengths.AppendNull()
		return
	}
	ids.Append(true)
	logprobs.Append(true)
	lengths.Append(true)
	id := ids.ValueBuilder().(*array.Int32Builder)
	logprob := logprobs.ValueBuilder().(*array.Float16Builder)
	length := lengths.ValueBuilder().(*array.Uint16Builder)
	id.Reserve(len(s.IDs))
	logprob.Reserve(len(s.IDs))
	length.Reserve(s.Len())
	for i := range s.Ends {
		rowIDs, rowLogprobs := s.At(i)
		e.entries = e.entries[:0]
		for j, v := range rowIDs {
			e.entries = append(e.entries, draw{v, rowLogprobs[j]})
		}
		if s.Kind == distill.Sampled {
			slices.SortFunc(e.entries, func(a, b draw) int { return cmp.Compare(a.id, b.id) })
		}
		before := distill.Token(0)
		for _, d := range e.entries {
			id.UnsafeAppend(d.id - before)
			logprob.UnsafeAppend(float16.FromBits(half.F16(d.logprob)))
			if s.Kind == distill.Sampled {
				before = d.id
			}
		}
		length.UnsafeAppend(uint16(len(e.entries)))
	}
}

// maxEntries is how many entries a position may have.
const maxEntries = math.MaxUint16

// nestedSignal appends a signal to the columns of version 1.
func (e *encoder) nestedSignal(s *distill.Signal) {
	ids := e.builder.Field(colTopIDs).(*array.ListBuilder)
	logprobs := e.builder.Field(colTopLogprobs).(*array.ListBuilder)
	if s == nil {
		ids.AppendNull()
		logprobs.AppendNull()
		return
	}
	ids.Append(true)
	logprobs.Append(true)
	idRows, logprobRows := ids.ValueBuilder().(*array.ListBuilder), logprobs.ValueBuilder().(*array.ListBuilder)
	idRows.Reserve(s.Len())
	logprobRows.Reserve(s.Len())
	idValues := idRows.ValueBuilder().(*array.Int32Builder)
	logprobValues := logprobRows.ValueBuilder().(*array.Float16Builder)
	logprobValues.Reserve(len(s.Logprobs))
	for i := range s.Ends {
		rowIDs, rowLogprobs := s.At(i)
		idRows.Append(true)
		idValues.AppendValues(rowIDs, nil)
		logprobRows.Append(true)
		for _, l := range rowLogprobs {
			logprobValues.UnsafeAppend(float16.FromBits(half.F16(l)))
		}
	}
}

// signalColumns are the columns of a signal, in either version.
type signalColumns struct {
	kind                distill.SignalKind
	ids, logprobs       lists
	lengths             lists // version 2
	idRows, logprobRows lists // version 1
	id                  *array.Int32
	logprob             *array.Float16
	length              *array.Uint16
}

func openSignal(f *columnFinder, version string, kind distill.SignalKind) (c signalColumns) {
	c.kind = kind
	c.ids, c.logprobs = f.list("top_ids"), f.list("top_logprobs")
	if version == packed {
		c.lengths = f.list("top_lengths")
	}
	if f.err != nil {
		return c
	}
	ids, logprobs := c.ids.ListValues(), c.logprobs.ListValues()
	if version == packed {
		c.length = typed[*array.Uint16](f, "top_lengths", c.lengths.ListValues())
	} else {
		c.idRows = lists{typed[*array.List](f, "top_ids", ids)}
		c.logprobRows = lists{typed[*array.List](f, "top_logprobs", logprobs)}
		if f.err != nil {
			return c
		}
		ids, logprobs = c.idRows.ListValues(), c.logprobRows.ListValues()
	}
	c.id = typed[*array.Int32](f, "top_ids", ids)
	c.logprob = typed[*array.Float16](f, "top_logprobs", logprobs)
	return c
}

// signal returns that of row i, which may have none.
func (c *signalColumns) signal(i int) (*distill.Signal, error) {
	if !c.ids.IsValid(i) || !c.logprobs.IsValid(i) {
		return nil, nil
	}
	if c.length != nil {
		return c.packed(i)
	}
	return c.nested(i)
}

func (c *signalColumns) packed(i int) (*distill.Signal, error) {
	s := &distill.Signal{Kind: c.kind}
	first, last := c.ids.at(i)
	start, end := c.lengths.at(i)
	s.IDs = append(make([]distill.Token, 0, last-first), c.id.Int32Values()[first:last]...)
	s.Ends = make([]int32, 0, end-start)
	at := 0
	for _, n := range c.length.Uint16Values()[start:end] {
		next := at + int(n)
		if next > len(s.IDs) {
			break
		}
		if c.kind == distill.Sampled {
			for j := at + 1; j < next; j++ {
				s.IDs[j] += s.IDs[j-1]
			}
		}
		at = next
		s.Ends = append(s.Ends, int32(at))
	}
	if at != len(s.IDs) || len(s.Ends) != end-start {
		return nil, fmt.Errorf("signal of %d entries with lengths for %d", len(s.IDs), at)
	}
	return s, c.addLogprobs(s, i)
}

func (c *signalColumns) nested(i int) (*distill.Signal, error) {
	start, end := c.ids.at(i)
	s := &distill.Signal{Kind: c.kind, Ends: make([]int32, 0, end-start)}
	if end == start {
		return s, nil
	}
	first, _ := c.idRows.at(start)
	_, last := c.idRows.at(end - 1)
	for j := start; j < end; j++ {
		_, e := c.idRows.at(j)
		s.Ends = append(s.Ends, int32(e-first))
	}
	s.IDs = append(make([]distill.Token, 0, last-first), c.id.Int32Values()[first:last]...)
	return s, c.addLogprobs(s, i)
}

// addLogprobs reads the log-probabilities of the entries of row i.
func (c *signalColumns) addLogprobs(s *distill.Signal, i int) error {
	first, last := c.logprobs.at(i)
	if c.length == nil {
		if first == last {
			return fmt.Errorf("signal of %d ids and no log-probabilities", len(s.IDs))
		}
		start, end := first, last
		first, _ = c.logprobRows.at(start)
		_, last = c.logprobRows.at(end - 1)
	}
	if last-first != len(s.IDs) {
		return fmt.Errorf("signal of %d ids and %d log-probabilities", len(s.IDs), last-first)
	}
	s.Logprobs = make([]float32, len(s.IDs))
	for j, v := range c.logprob.Values()[first:last] {
		s.Logprobs[j] = half.FromF16(v.Uint16())
	}
	return nil
}
