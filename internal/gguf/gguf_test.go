package gguf

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	parser "github.com/gpustack/gguf-parser-go"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/quant"
)

// sample is a file with every value type, nested arrays, and tensors whose sizes need padding.
func sample(tb testing.TB) []byte {
	tb.Helper()
	m := new(Metadata)
	m.Set("general.architecture", "llama")
	m.Set("u8", uint8(200))
	m.Set("i8", int8(-3))
	m.Set("u16", uint16(65535))
	m.Set("i16", int16(-300))
	m.Set("u32", uint32(1<<31))
	m.Set("i32", int32(-1<<31))
	m.Set("u64", uint64(1)<<63)
	m.Set("i64", int64(math.MinInt64))
	m.Set("f32", float32(0.1))
	m.Set("f64", 0.1)
	m.Set("bool", true)
	m.Set("text", "naïve\x00text")
	m.Set("au8", []uint8{1, 2})
	m.Set("ai8", []int8{-1})
	m.Set("au16", []uint16{7})
	m.Set("ai16", []int16{-7})
	m.Set("au32", []uint32{8})
	m.Set("ai32", []int32{-8})
	m.Set("au64", []uint64{9})
	m.Set("ai64", []int64{-9})
	m.Set("af32", []float32{1.5, -2})
	m.Set("af64", []float64{1e300})
	m.Set("abool", []bool{true, false})
	m.Set("atext", []string{"", "a", "bc"})
	m.Set("empty", []string{})
	m.Set("nested", Nested{[]string{"x"}, Nested{[]int32{1, 2}, []int32{}}})
	tensors := []TensorInfo{
		{Name: "a", Type: quant.F32, Shape: []int{3}},
		{Name: "b", Type: quant.Q8_0, Shape: []int{2, 32}},
		{Name: "c", Type: quant.F16, Shape: []int{1, 2, 5}},
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, m, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	for i, t := range tensors {
		if err := w.WriteTensor(t.Name, bytes.Repeat([]byte{byte(i + 1)}, int(t.Bytes()))); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// rewrite writes a parsed file again.
func rewrite(tb testing.TB, f *File) []byte {
	tb.Helper()
	var out bytes.Buffer
	tensors := append([]TensorInfo(nil), f.Tensors...)
	w, err := NewWriter(&out, f.Metadata, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	for _, t := range f.Tensors {
		if _, err := w.Write(f.Data(t)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func TestRoundTrip(t *testing.T) {
	data := sample(t)
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if again := rewrite(t, f); !bytes.Equal(again, data) {
		t.Fatal("a file written, read and written again differs")
	}
	if v, _ := f.Metadata.Get("nested"); !cmp.Equal(v, any(Nested{[]string{"x"}, Nested{[]int32{1, 2}, []int32{}}})) {
		t.Errorf("nested array: %v", v)
	}
	c, ok := f.Tensor("c")
	if !ok || !cmp.Equal(c.Shape, []int{1, 2, 5}) || !bytes.Equal(f.Data(c), bytes.Repeat([]byte{3}, 20)) {
		t.Errorf("tensor c: %+v", c)
	}
	if f.Tensors[0].Offset%32 != 0 || c.Offset%32 != 0 {
		t.Error("tensors are not aligned")
	}
}

func TestVersion2IsTheSameLayout(t *testing.T) {
	data := sample(t)
	binary.LittleEndian.PutUint32(data[4:], 2)
	if f, err := Parse(data); err != nil || f.Version != 2 || len(f.Tensors) != 3 {
		t.Fatalf("version 2: %v", err)
	}
}

func TestMetadataAccess(t *testing.T) {
	f, err := Parse(sample(t))
	if err != nil {
		t.Fatal(err)
	}
	m := f.Metadata
	for key, want := range map[string]int{"u8": 200, "i8": -3, "u16": 65535, "i16": -300, "u32": 1 << 31, "i32": -1 << 31, "i64": math.MinInt64} {
		if got, ok := m.Int(key); !ok || got != want {
			t.Errorf("Int(%q) = %d, %v", key, got, ok)
		}
	}
	if _, ok := m.Int("u64"); ok {
		t.Error("2^63 is no int")
	}
	if _, ok := m.Int("text"); ok {
		t.Error("a text is no int")
	}
	if x, ok := m.Float("f32"); !ok || x != float64(float32(0.1)) {
		t.Error("Float of f32")
	}
	c := m.Clone()
	c.Set("u8", uint8(1))
	c.Delete("i8")
	if got, _ := m.Int("u8"); got != 200 || c.Len() != m.Len()-1 || c.Keys()[1] != "u8" {
		t.Error("a clone is set apart from its origin and keeps the order")
	}
}

// Every proper prefix of a file is refused, and none of them panics.
func TestTruncation(t *testing.T) {
	data := sample(t)
	f, _ := Parse(data)
	last := f.Tensors[len(f.Tensors)-1]
	end := len(data) - len(f.data) + int(last.Offset+last.Bytes())
	for n := range end {
		if _, err := Parse(data[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(data))
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, tensors := range [][]TensorInfo{
		{{Name: "a", Type: quant.F32, Shape: []int{1}}, {Name: "a", Type: quant.F32, Shape: []int{1}}},
		{{Name: "a", Type: 99, Shape: []int{1}}},
		{{Name: "a", Type: quant.Q4_K, Shape: []int{2, 32}}},
		{{Name: "a", Type: quant.F32}},
	} {
		if _, err := NewWriter(new(bytes.Buffer), new(Metadata), tensors); err == nil {
			t.Errorf("%v was accepted", tensors)
		}
	}
	w, _ := NewWriter(new(bytes.Buffer), new(Metadata), []TensorInfo{{Name: "a", Type: quant.F32, Shape: []int{2}}})
	w.Write(make([]byte, 7))
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), `"a" lacks 1`) {
		t.Errorf("an incomplete tensor: %v", err)
	}
	w.Write(make([]byte, 2))
	if w.Close() == nil {
		t.Error("too much data was accepted")
	}
}

// A foreign reader finds in our file what we put there.
func TestForeignReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sample.gguf")
	if err := os.WriteFile(path, sample(t), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseGGUFFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if len(f.Header.MetadataKV) != ours.Metadata.Len() || len(f.TensorInfos) != len(ours.Tensors) {
		t.Fatalf("%d entries and %d tensors", len(f.Header.MetadataKV), len(f.TensorInfos))
	}
	for i, theirs := range f.TensorInfos {
		mine := ours.Tensors[i]
		if theirs.Name != mine.Name || uint32(theirs.Type) != uint32(mine.Type) || int64(theirs.Offset) != mine.Offset || theirs.Bytes() != uint64(mine.Bytes()) {
			t.Errorf("tensor %d: %+v against %+v", i, theirs, mine)
		}
	}
}

func TestRealFile(t *testing.T) {
	f, err := Open(fixture.Shared(t, "models", "stories260K-f32.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if arch, _ := f.Metadata.String("general.architecture"); arch != "llama" || len(f.Tensors) != 48 {
		t.Errorf("architecture %q, %d tensors", arch, len(f.Tensors))
	}
	again, err := Parse(rewrite(t, f))
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range f.Tensors {
		copied, _ := again.Tensor(tensor.Name)
		if !bytes.Equal(f.Data(tensor), again.Data(copied)) {
			t.Errorf("tensor %q changed", tensor.Name)
		}
	}
}
