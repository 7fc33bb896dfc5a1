package pack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/half"
)

// A record is an example as bytes, numbers little-endian:
//
//	tokens      int32 each
//	form        byte: no signal, or the width of its log-probabilities
//	counts      uvarint each: entries at each position of the answer
//	ids         int32 each
//	logprobs    binary16 or float32 each
//
// Log-probabilities that are binary16, as those of a dataset are, stay so.
const (
	noSignal   = 0
	halfForm   = 2
	singleForm = 4
)

// maxTokens bounds an example, so that its record has a length that fits 31 bits whatever its signal of 256 entries.
const maxTokens = math.MaxInt32 / (4 + 5 + 256*8)

var errRecord = errors.New("damaged record of an example")

// records is a heap of bytes: the last ones in memory, those before in a file if there is a folder for it.
type records struct {
	dir  string
	hold int // bytes in memory before they go into the file

	file    *os.File
	written int64 // bytes in the file
	memory  []byte
}

// add appends a record and returns where it is.
func (r *records) add(tokens []distill.Token, s *distill.Signal) (offset int64, size int, err error) {
	if r.dir != "" && len(r.memory) >= max(r.hold, 1) {
		if err := r.spill(); err != nil {
			return 0, 0, err
		}
	}
	start := len(r.memory)
	for _, id := range tokens {
		r.memory = binary.LittleEndian.AppendUint32(r.memory, uint32(id))
	}
	r.memory = appendSignal(r.memory, s)
	if size = len(r.memory) - start; size > math.MaxInt32 {
		r.memory = r.memory[:start]
		return 0, 0, fmt.Errorf("example of %d bytes", size)
	}
	return r.written + int64(start), size, nil
}

func appendSignal(b []byte, s *distill.Signal) []byte {
	if s == nil {
		return append(b, noSignal)
	}
	form := byte(halfForm)
	for _, l := range s.Logprobs {
		if math.Float32bits(half.FromF16(half.F16(l))) != math.Float32bits(l) {
			form = singleForm
			break
		}
	}
	b = append(b, form)
	start := int32(0)
	for _, end := range s.Ends {
		b = binary.AppendUvarint(b, uint64(end-start))
		start = end
	}
	for _, id := range s.IDs {
		b = binary.LittleEndian.AppendUint32(b, uint32(id))
	}
	for _, l := range s.Logprobs {
		if form == halfForm {
			b = binary.LittleEndian.AppendUint16(b, half.F16(l))
		} else {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(l))
		}
	}
	return b
}

// spill moves what is in memory into the file.
func (r *records) spill() (err error) {
	if r.file == nil {
		if r.file, err = os.CreateTemp(r.dir, ".examples-*"); err != nil {
			return err
		}
		// Where the system lets open files go, nothing is left behind even by a kill; elsewhere close removes it.
		_ = os.Remove(r.file.Name())
	}
	if _, err := r.file.WriteAt(r.memory, r.written); err != nil {
		return err
	}
	r.written += int64(len(r.memory))
	r.memory = r.memory[:0]
	return nil
}

// read returns the tokens and the signal of a record of size bytes with so many tokens, positions of them answered.
func (r *records) read(offset int64, size, tokens, positions int) ([]distill.Token, *distill.Signal, error) {
	var b []byte
	if offset >= r.written {
		b = r.memory[offset-r.written:][:size]
	} else {
		b = make([]byte, size)
		if _, err := r.file.ReadAt(b, offset); err != nil {
			return nil, nil, err
		}
	}
	if len(b) < 4*tokens+1 {
		return nil, nil, errRecord
	}
	ids := int32s(b, tokens)
	form, b := int(b[4*tokens]), b[4*tokens+1:]
	if form == noSignal {
		return ids, nil, nil
	}
	s := &distill.Signal{Ends: make([]int32, positions)}
	total := 0
	for i := range s.Ends {
		count, n := binary.Uvarint(b)
		if n <= 0 || count > uint64(len(b)) {
			return nil, nil, errRecord
		}
		total, b = total+int(count), b[n:]
		s.Ends[i] = int32(total)
	}
	if len(b) != total*(4+form) {
		return nil, nil, errRecord
	}
	s.IDs, b = int32s(b, total), b[4*total:]
	s.Logprobs = make([]float32, total)
	for i := range s.Logprobs {
		if form == halfForm {
			s.Logprobs[i] = half.FromF16(binary.LittleEndian.Uint16(b[2*i:]))
		} else {
			s.Logprobs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
	}
	return ids, s, nil
}

func int32s(b []byte, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out
}

func (r *records) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	if gone := os.Remove(r.file.Name()); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	r.file = nil
	return err
}
