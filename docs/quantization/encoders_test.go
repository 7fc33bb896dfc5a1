package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/model"
)

// small returns encoders over a model that takes a moment.
func small(t *testing.T) *encoders {
	t.Helper()
	oracle := filepath.Dir(fixture.Oracle(t))
	if _, err := exec.LookPath("c++"); err != nil {
		t.Skip("no C++ compiler")
	}
	shape := encoderShape
	shape.Vocab, shape.Width, shape.FFN, shape.Heads = 96, 256, 768, 4
	e, err := newEncoders(t.TempDir(), oracle, 2, shape)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// llama.cpp reads our importance file and writes, under it and without, the bytes that we write.
func TestBothQuantizersWriteTheSame(t *testing.T) {
	e := small(t)
	for _, typ := range encoderTypes {
		for _, guide := range []model.Importance{nil, e.importance} {
			own, other := filepath.Join(e.dir, "ours.gguf"), filepath.Join(e.dir, "theirs.gguf")
			if _, err := e.encode(typ, own, guide, e.weights); err != nil {
				t.Fatal(err)
			}
			if _, err := e.theirs(typ, other, guide); err != nil {
				t.Fatal(err)
			}
			if n := compare(t, own, other); n < 9 { // the matrices of a layer, the embedding, the norms
				t.Errorf("%s: %d tensors", typ.name, n)
			}
		}
	}
}

func compare(t *testing.T, own, other string) int {
	t.Helper()
	ours, err := gguf.Open(own)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := gguf.Open(other)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	for _, want := range theirs.Tensors {
		if got, ok := ours.Tensor(want.Name); !ok || got.Type != want.Type || !bytes.Equal(ours.Data(got), theirs.Data(want)) {
			t.Errorf("%s as %s differs", want.Name, want.Type)
		}
	}
	return len(theirs.Tensors)
}

// What llama.cpp read from our importance file and wrote again is what we wrote.
func TestLlamaWritesImportance(t *testing.T) {
	e := small(t)
	again := filepath.Join(e.dir, "again.gguf")
	if err := e.library.ask(e.program, e.library.libraries, []string{"imatrix", e.guide, again}); err != nil {
		t.Fatal(err)
	}
	got, source, err := model.ReadImportance(again)
	if err != nil || source.ChunkSize != 512 || source.Chunks != 1 || len(source.Datasets) != 1 || source.Datasets[0] != "random" {
		t.Fatalf("%+v, %v", source, err)
	}
	if diff := cmp.Diff(e.importance, got); diff != "" {
		t.Error(diff)
	}
}
