package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	foreign "github.com/nlpodyssey/safetensors"
)

var sampleInfos = []Info{{"b", F32, []int{2, 3}}, {"a", F16, []int{5}}, {"c", BF16, []int{}}, {"d", "I64", []int{0, 4}}}

func sample(tb testing.TB) []byte {
	tb.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, map[string]string{"format": "pt"}, sampleInfos)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range 36 {
		if _, err := w.Write([]byte{byte(i)}); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func rewrite(tb testing.TB, f *File) []byte {
	tb.Helper()
	var infos []Info
	for _, t := range f.Tensors {
		infos = append(infos, t.Info)
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, f.Metadata, infos)
	if err != nil {
		tb.Fatal(err)
	}
	for _, t := range f.Tensors {
		if _, err := w.Write(t.Data); err != nil {
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
	if !bytes.Equal(rewrite(t, f), data) {
		t.Error("a file written, read and written again differs")
	}
	if f.Metadata["format"] != "pt" || f.Tensors[1].Name != "a" || !bytes.Equal(f.Tensors[1].Data, []byte{24, 25, 26, 27, 28, 29, 30, 31, 32, 33}) {
		t.Errorf("%+v", f)
	}
	if n := binary.LittleEndian.Uint64(data); n%8 != 0 {
		t.Errorf("the header has %d bytes: the data is not aligned", n)
	}
}

// A foreign reader finds in our file what we put there.
func TestForeignReader(t *testing.T) {
	data := sample(t)
	theirs, err := foreign.Deserialize(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range sampleInfos {
		tensor, ok := theirs.Tensor(info.Name)
		if !ok || tensor.DType().String() != string(info.DType) || int64(len(tensor.Data())) != info.Bytes() {
			t.Errorf("%s: %v", info.Name, tensor)
		}
	}
}

func header(text string, data int) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), make([]byte, data)...)
}

func TestHostileFiles(t *testing.T) {
	for want, data := range map[string][]byte{
		"before its header":                []byte("short"),
		"a header of":                      binary.LittleEndian.AppendUint64(nil, 1<<63),
		"no JSON object":                   header(`[]`, 0),
		`"t": named twice`:                 header(`{"t":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[],"data_offsets":[1,2]}}`, 2),
		`"t": no data_offsets`:             header(`{"t":{"dtype":"U8","shape":[]}}`, 1),
		`unknown dtype "X"`:                header(`{"t":{"dtype":"X","shape":[],"data_offsets":[0,1]}}`, 1),
		`"t": no data_offsets or no shape`: header(`{"t":{"dtype":"U8","data_offsets":[0,1]}}`, 1),
		"negative":                         header(`{"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1),
		"more than the":                    header(`{"t":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,1]}}`, 1),
		"do not hold":                      header(`{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 8),
		"a gap":                            header(`{"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2),
		"an overlap":                       header(`{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3),
		"beyond":                           header(`{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, 3),
		"no tensor":                        header(`{}`, 3),
		"goes on":                          header(`{}{}`, 0),
		"cannot unmarshal":                 header(`{"t":{"dtype":"U8","shape":[1e300],"data_offsets":[0,1]}}`, 1),
	} {
		if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "safetensors: ") {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestShards(t *testing.T) {
	dir := t.TempDir()
	weights := make(map[string]string)
	for i := range 3 {
		name := fmt.Sprintf("model-%05d-of-00003.safetensors", i+1)
		var out bytes.Buffer
		w, err := NewWriter(&out, nil, []Info{{fmt.Sprint("t", i), F32, []int{1}}})
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte{byte(i), 0, 0, 0})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		weights[fmt.Sprint("t", i)] = name
	}
	index := fmt.Sprintf(`{"metadata":{"total_size":12},"weight_map":{"t0":%q,"t1":%q,"t2":%q}}`, weights["t0"], weights["t1"], weights["t2"])
	if err := os.WriteFile(filepath.Join(dir, indexName), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 3 {
		tensor, ok := s.Tensor(fmt.Sprint("t", i))
		if !ok || tensor.Data[0] != byte(i) {
			t.Errorf("tensor %d: %v", i, tensor)
		}
	}
	for _, text := range []string{`{"weight_map":{"t":"../x"}}`, `{"weight_map":{"t":"/etc/passwd"}}`, `{"weight_map":{}}`, `[`} {
		if _, err := parseIndex([]byte(text)); err == nil {
			t.Errorf("index %s was accepted", text)
		}
	}
	if _, err := OpenDir(t.TempDir()); err == nil || !strings.Contains(err.Error(), singleName) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Parse([]byte("version https://git-lfs.github.com/spec/v1\n")); err == nil || !strings.Contains(err.Error(), "git lfs pull") {
		t.Errorf("a pointer of Git LFS: %v", err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pytorch_model.bin"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDir(dir); err == nil || !strings.Contains(err.Error(), "pytorch_model.bin is not read") {
		t.Errorf("a pickled model: %v", err)
	}
}

// What is accepted is written back so that it reads the same.
func FuzzParse(f *testing.F) {
	f.Add(sample(f))
	f.Add(header(`{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1))
	f.Add(header(`{"__metadata__":{"a":"b"}}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		again, err := Parse(rewrite(t, file))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(file, again); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map":{"a":"model-00001-of-00002.safetensors"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, err := parseIndex(text)
		for _, name := range names {
			if err == nil && name != filepath.Base(name) {
				t.Fatalf("%q leaves the folder", name)
			}
		}
	})
}
