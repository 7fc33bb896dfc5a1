package model

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync"
	"unsafe"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// chunkElements is about how many values are converted at a time: 1 MB as float32, so a worker's data stays in its
// cache, and enough to make handing it over cheap.
const chunkElements = 1 << 18

// orderFor returns the row order that brings a weight from the model's layout to the wanted one, nil for as it is.
func (m *Model) orderFor(name string, interleaved bool) rowOrder {
	switch {
	case m.rotatedHeads(name) == 0 || m.RopeInterleaved == interleaved:
		return nil
	case interleaved:
		return toPairs
	}
	return toHalves
}

// writeWeight writes a weight in format to, its rows reordered within each head by order, where that is not nil. Rows
// are converted in parallel, a chunk per worker, and written in order. Of a memory map, pages that are done with are
// given back.
func (m *Model) writeWeight(w io.Writer, name string, to quant.Type, order rowOrder, importance []float32) error {
	t, ok := m.Tensor(name)
	if !ok {
		return errors.New("is missing")
	}
	mapped := m.mapped && m.made[name] == nil
	rows, columns, size := rowsOf(t)
	if importance != nil && len(importance) != columns {
		return errImportance(len(importance), columns)
	}
	perChunk := max(1, chunkElements/columns)
	convert := func(from, n int, s *scratch) ([]byte, error) {
		raw := t.Data[from*size : (from+n)*size]
		if order != nil {
			raw = gather(t.Data, from, n, size, rows/m.rotatedHeads(t.Name), order)
		}
		data, err := convertRows(raw, t.Type, to, n, columns, importance, s)
		if err != nil {
			err = fmt.Errorf("in rows %d to %d: %w", from, from+n-1, err)
		}
		return data, err
	}
	workers := min(runtime.GOMAXPROCS(0), (rows+perChunk-1)/perChunk)
	scratches := make([]scratch, workers)
	done := 0 // bytes given back
	for base := 0; base < rows; base += workers * perChunk {
		results, errs := make([][]byte, workers), make([]error, workers)
		var wg sync.WaitGroup
		for k := range workers {
			from := base + k*perChunk
			if n := min(perChunk, rows-from); n > 0 {
				wg.Go(func() { results[k], errs[k] = convert(from, n, &scratches[k]) })
			}
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for _, data := range results {
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
		if upTo := min(rows, base+workers*perChunk) * size; mapped && order == nil && upTo-done >= releaseBytes {
			release(t.Data[done:upTo])
			done = upTo
		}
	}
	if mapped {
		release(t.Data)
	}
	return nil
}

// releaseBytes is how much of a map is given back at a time.
const releaseBytes = 16 << 20

// rowsOf returns the number of rows, their length and bytes; each element of a vector is a row, so that the order of a
// bias can change too.
func rowsOf(t Tensor) (rows, columns, size int) {
	if len(t.Shape) == 1 {
		return t.Shape[0], 1, len(t.Data) / t.Shape[0]
	}
	return t.Rows(), t.Columns(), t.RowBytes()
}

// gather copies n rows from row from on, in an order within each group of d rows.
func gather(data []byte, from, n, size, d int, order rowOrder) []byte {
	out := make([]byte, n*size)
	for i := range n {
		r := from + i
		source := r - r%d + order(r%d, d)
		copy(out[i*size:(i+1)*size], data[source*size:])
	}
	return out
}

// convertRows converts n rows between formats. What already has the wanted one is passed on as it is. The result is good
// until the next call with the same scratch. Numbers that the wanted format cannot hold are refused, and those that none can.
func convertRows(raw []byte, from, to quant.Type, n, columns int, importance []float32, s *scratch) ([]byte, error) {
	if from == to && from.Quantized() {
		return raw, nil
	}
	values := s.decode(raw, from, n*columns)
	switch largest := quant.Largest(values); {
	case largest != largest || math.IsInf(float64(largest), 0):
		return nil, fmt.Errorf("the weights hold %g, which no model can be run with", largest)
	case from == to:
		return raw, nil
	case to == quant.F16 && largest >= beyondF16:
		return nil, fmt.Errorf("the weights hold %g, which is beyond F16's 65504; BF16 and F32 take it", largest)
	}
	size := to.RowBytes(columns)
	out := grow(&s.encoded, n*size)
	if importance == nil {
		quant.Encode(to, out, values, nil)
		return out, nil
	}
	for i := range n {
		quant.Encode(to, out[i*size:(i+1)*size], values[i*columns:(i+1)*columns], importance)
	}
	return out, nil
}

// beyondF16 is the smallest magnitude that becomes infinite as binary16.
const beyondF16 = 65520

// scratch is what one worker converts in.
type scratch struct {
	values  []float32
	encoded []byte
}

func grow[T any](s *[]T, n int) []T {
	if cap(*s) < n {
		*s = make([]T, n)
	}
	return (*s)[:n]
}

// decode returns n values; F32 ones without a copy, where they are aligned.
func (s *scratch) decode(raw []byte, from quant.Type, n int) []float32 {
	p := unsafe.Pointer(unsafe.SliceData(raw))
	if from == quant.F32 && uintptr(p)%4 == 0 {
		return unsafe.Slice((*float32)(p), n)
	}
	values := grow(&s.values, n)
	switch aligned := uintptr(p)%2 == 0; {
	case from == quant.F16 && aligned:
		kernel.FromF16(values, unsafe.Slice((*uint16)(p), n))
	case from == quant.BF16 && aligned:
		kernel.FromBF16(values, unsafe.Slice((*uint16)(p), n))
	default:
		quant.Decode(from, values, raw)
	}
	return values
}
