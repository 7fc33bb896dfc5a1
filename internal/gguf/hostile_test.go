package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/quant"
)

// file builds GGUF files part by part, whatever they say.
type file struct{ b []byte }

func newFile(tensors, entries uint64) *file {
	f := &file{[]byte("GGUF")}
	return f.u32(3).u64(tensors).u64(entries)
}

func (f *file) u32(x uint32) *file              { f.b = binary.LittleEndian.AppendUint32(f.b, x); return f }
func (f *file) u64(x uint64) *file              { f.b = binary.LittleEndian.AppendUint64(f.b, x); return f }
func (f *file) text(s string) *file             { f.u64(uint64(len(s))); f.b = append(f.b, s...); return f }
func (f *file) zeros(n int) *file               { f.b = append(f.b, make([]byte, n)...); return f }
func (f *file) key(k string, t valueType) *file { return f.text(k).u32(uint32(t)) }

func (f *file) tensor(name string, kind quant.Type, offset uint64, dims ...uint64) *file {
	f.text(name).u32(uint32(len(dims)))
	for _, d := range dims {
		f.u64(d)
	}
	return f.u32(uint32(kind)).u64(offset)
}

// Hostile files are refused with an error that names what is wrong, at once, and without the memory they ask for.
func TestHostileFiles(t *testing.T) {
	nested := newFile(0, 1).key("k", typeArray)
	for range 100000 {
		nested.u32(uint32(typeArray)).u64(1)
	}
	for name, c := range map[string]struct {
		f    *file
		want string
	}{
		"no magic":             {&file{[]byte("GGML\x03\x00\x00\x00")}, "not a GGUF file"},
		"Git LFS":              {&file{[]byte("version https://git-lfs.github.com/spec/v1\n")}, "git lfs pull"},
		"version 1":            {&file{[]byte("GGUF\x01\x00\x00\x00")}, "version 1"},
		"big-endian":           {&file{[]byte("GGUF\x00\x00\x00\x03")}, "big-endian"},
		"2^63 tensors":         {newFile(1<<63, 0), "tensor count"},
		"2^63 entries":         {newFile(0, 1<<63), "metadata count"},
		"2^40 entries":         {newFile(0, 1<<40).zeros(1 << 20), "metadata count"},
		"key of 2^63 bytes":    {newFile(0, 1).u64(1 << 63).zeros(64), "key"},
		"text of 2^62 bytes":   {newFile(0, 1).key("k", typeString).u64(1 << 62).zeros(64), `"k"`},
		"array of 2^61":        {newFile(0, 1).key("k", typeArray).u32(uint32(typeUint64)).u64(1 << 61).zeros(64), `"k": array length`},
		"texts of 2^50":        {newFile(0, 1).key("k", typeArray).u32(uint32(typeString)).u64(1 << 50).zeros(1 << 16), `"k": array length`},
		"nested arrays":        {nested, "nested"},
		"unknown value type":   {newFile(0, 1).key("k", 13).zeros(64), "unknown value type 13"},
		"unknown element type": {newFile(0, 1).key("k", typeArray).u32(99).u64(0).zeros(64), "unknown element type 99"},
		"truth of 2":           {newFile(0, 1).key("k", typeBool).u32(2).zeros(64), "truth value"},
		"key twice":            {newFile(0, 2).key("k", typeUint32).u32(0).key("k", typeUint32).u32(0).zeros(64), `"k": given twice`},
		"alignment 0":          {newFile(0, 1).key(keyAlignment, typeUint32).u32(0).zeros(64), keyAlignment},
		"alignment 33":         {newFile(0, 1).key(keyAlignment, typeUint32).u32(33).zeros(64), keyAlignment},
		"alignment 2^31":       {newFile(0, 1).key(keyAlignment, typeUint32).u32(1 << 31).zeros(64), keyAlignment},
		"alignment is a text":  {newFile(0, 1).key(keyAlignment, typeString).text("32").zeros(64), keyAlignment},
		"dimensions overflow":  {newFile(1, 0).tensor("t", quant.F32, 0, 1<<32, 1<<32, 1<<32).zeros(64), `"t": shape`},
		"a dimension of 2^63":  {newFile(1, 0).tensor("t", quant.F32, 0, 1<<63).zeros(64), `"t": shape`},
		"a dimension of 0":     {newFile(1, 0).tensor("t", quant.F32, 0, 4, 0).zeros(64), `"t": shape`},
		"five dimensions":      {newFile(1, 0).tensor("t", quant.F32, 0, 1, 1, 1, 1, 1).zeros(64), `"t": dimensions`},
		"2^32 dimensions":      {newFile(1, 0).text("t").u32(math.MaxUint32).zeros(64), `"t": dimensions`},
		"unknown format":       {newFile(1, 0).tensor("t", 99, 0, 4).zeros(64), `"t": type`},
		"broken blocks":        {newFile(1, 0).tensor("t", quant.Q4_K, 0, 32, 8).zeros(4096), `"t": shape`},
		"offset beyond":        {newFile(1, 0).tensor("t", quant.F32, 1<<62, 4).zeros(64), `"t": offset`},
		"data beyond":          {newFile(1, 0).tensor("t", quant.F32, 32, 16).zeros(64), `"t": 64 bytes`},
		"offset not aligned":   {newFile(1, 0).tensor("t", quant.F32, 4, 4).zeros(128), "alignment"},
		"overlap":              {newFile(2, 0).tensor("s", quant.F32, 0, 16).tensor("t", quant.F32, 32, 4).zeros(256), "overlaps"},
		"same place":           {newFile(2, 0).tensor("s", quant.F32, 0, 4).tensor("t", quant.F32, 0, 4).zeros(256), "overlaps"},
		"name twice":           {newFile(2, 0).tensor("t", quant.F32, 0, 4).tensor("t", quant.F32, 32, 4).zeros(256), "named twice"},
		"name of 64 bytes":     {newFile(1, 0).tensor(strings.Repeat("n", 64), quant.F32, 0, 4).zeros(256), "longer than"},
		"fewer tensors":        {newFile(3, 0).tensor("t", quant.F32, 0, 4).zeros(48), "tensor 1"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Parse(c.f.b)
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "gguf: ") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if took > time.Second || after.TotalAlloc-before.TotalAlloc > 64<<20 {
			t.Errorf("%s: took %v and %d bytes", name, took, after.TotalAlloc-before.TotalAlloc)
		}
	}
}

// What is accepted is written back so that it reads the same, and allocates no more than a small multiple of the file.
func FuzzParse(f *testing.F) {
	f.Add(sample(f))
	f.Add(newFile(1, 0).tensor("t", quant.Q4_0, 0, 32, 2).zeros(64).b)
	f.Add(newFile(0, 1).key("k", typeArray).u32(uint32(typeArray)).u64(1).u32(uint32(typeUint8)).u64(2).zeros(2).b)
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(rewrite(t, g))
		if err != nil {
			t.Fatal(err)
		}
		if len(again.Tensors) != len(g.Tensors) || again.Metadata.Len() != g.Metadata.Len() {
			t.Fatal("tensors or entries were lost")
		}
		for i, tensor := range g.Tensors {
			if !bytes.Equal(g.Data(tensor), again.Data(again.Tensors[i])) {
				t.Fatalf("tensor %q changed", tensor.Name)
			}
		}
	})
}
