package checkpoint_test

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/seed-d24fde5f/distill/train/checkpoint"
)

func state(seed float32) checkpoint.State {
	return checkpoint.State{
		Meta:   map[string]float32{"seed": seed},
		Arrays: []checkpoint.Array{{Name: "a", Data: []float32{seed, float32(math.Inf(1)), -0}}, {Name: "b", Data: make([]float32, 20000)}, {Name: "empty"}},
	}
}

func blank() []checkpoint.Array {
	return []checkpoint.Array{{Name: "b", Data: make([]float32, 20000)}, {Name: "a", Data: make([]float32, 3)}, {Name: "empty"}}
}

func save(t *testing.T, dir string, step int) {
	t.Helper()
	if err := checkpoint.Save(dir, step, state(float32(step))); err != nil {
		t.Fatal(err)
	}
}

// newest returns the step that Newest finds, having checked its contents, and the number of warnings.
func newest(t *testing.T, dir string) (step, warnings int) {
	t.Helper()
	arrays := blank()
	step, meta, err := checkpoint.Newest(dir, arrays, func(error) { warnings++ })
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]float32
	if err := json.Unmarshal(meta, &m); err != nil || m["seed"] != float32(step) || arrays[1].Data[0] != float32(step) {
		t.Fatalf("step %d holds %v, %v (%v)", step, m, arrays[1].Data, err)
	}
	return step, warnings
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoints")
	if _, _, err := checkpoint.Newest(dir, blank(), nil); !errors.Is(err, checkpoint.ErrNone) {
		t.Fatalf("empty folder: %v", err)
	}
	for _, step := range []int{10, 20, 20, 1000000} {
		save(t, dir, step)
	}
	if step, warnings := newest(t, dir); step != 1000000 || warnings != 0 {
		t.Fatalf("step %d, %d warnings", step, warnings)
	}
	if err := checkpoint.Prune(dir, 2); err != nil {
		t.Fatal(err)
	}
	if steps, err := checkpoint.Steps(dir); err != nil || !slices.Equal(steps, []int{20, 1000000}) {
		t.Fatalf("after pruning: %v, %v", steps, err)
	}
}

// TestDamage cuts and alters the newest file at many places: the one before is loaded, with one warning, and the
// caller's arrays are untouched where nothing is whole.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	save(t, dir, 2)
	file := filepath.Join(checkpoint.Path(dir, 2), "state.bin")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var broken [][]byte
	for _, n := range []int{0, 7, 15, 40, len(whole) / 2, len(whole) - 1} {
		broken = append(broken, whole[:n])
	}
	for _, i := range []int{0, 9, 15, 30, len(whole) / 2, len(whole) - 1} {
		b := slices.Clone(whole)
		b[i] ^= 0x40
		broken = append(broken, b)
	}
	for i, b := range broken {
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if step, warnings := newest(t, dir); step != 1 || warnings != 1 {
			t.Errorf("damage %d: step %d, %d warnings", i, step, warnings)
		}
		arrays := blank()
		if _, err := checkpoint.Load(checkpoint.Path(dir, 2), arrays); !errors.Is(err, checkpoint.ErrDamaged) {
			t.Errorf("damage %d: %v", i, err)
		}
		if arrays[1].Data[0] != 0 {
			t.Errorf("damage %d: arrays were written to", i)
		}
	}
}

func TestOtherModel(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 1)
	others := [][]checkpoint.Array{
		{{Name: "a", Data: make([]float32, 3)}},
		{{Name: "a", Data: make([]float32, 4)}, {Name: "b", Data: make([]float32, 20000)}, {Name: "empty"}},
		{{Name: "a", Data: make([]float32, 3)}, {Name: "c", Data: make([]float32, 20000)}, {Name: "empty"}},
	}
	for i, arrays := range others {
		if _, _, err := checkpoint.Newest(dir, arrays, nil); !errors.Is(err, checkpoint.ErrOther) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestCrashBetweenRenames finds the checkpoint that had stepped aside for its successor.
func TestCrashBetweenRenames(t *testing.T) {
	dir := t.TempDir()
	save(t, dir, 5)
	path := checkpoint.Path(dir, 5)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if step, _ := newest(t, dir); step != 5 {
		t.Fatalf("step %d", step)
	}
	save(t, dir, 5)
	if _, err := os.Stat(path + ".old"); !errors.Is(err, os.ErrNotExist) {
		t.Error("the old one is still there")
	}
}

// FuzzLoad feeds arbitrary files: never a panic, never more memory than the file promises, and what is accepted is what
// was saved.
func FuzzLoad(f *testing.F) {
	dir := f.TempDir()
	if err := checkpoint.Save(dir, 1, checkpoint.State{Meta: 1, Arrays: []checkpoint.Array{{Name: "a", Data: []float32{1, 2}}}}); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(checkpoint.Path(dir, 1), "state.bin")
	whole, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:20])
	f.Add([]byte("DSTLCKP1\xff\xff\xff\xff\xff\xff\xff\xff________"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "step-000001")
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "state.bin"), b, 0o644); err != nil {
			t.Fatal(err)
		}
		data := make([]float32, 2)
		if _, err := checkpoint.Load(path, []checkpoint.Array{{Name: "a", Data: data}}); err != nil && (data[0] != 0 || data[1] != 0) {
			t.Errorf("arrays written to before an error: %v", err)
		}
	})
}
