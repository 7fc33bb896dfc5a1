package durable

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestWriteIsWholeOrNothing: a writer that fails half-way leaves the old content and nothing beside it.
func TestWriteIsWholeOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state.json")
	broken := errors.New("the disk is full")
	fail := func(f *os.File) error {
		if _, err := f.WriteString("half"); err != nil {
			return err
		}
		return broken
	}
	if err := Write(path, fail); !errors.Is(err, broken) {
		t.Fatalf("a failed write: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file that was never whole has its name")
	}
	for _, content := range []string{"old", "newer and longer", ""} {
		if err := WriteFile(path, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, fail); !errors.Is(err, broken) {
			t.Fatalf("a failed write: %v", err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != content {
			t.Errorf("%q, want %q: %v", got, content, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestWriteRefuses: there is no file where there can be none.
func TestWriteRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "absent", "file")} {
		if err := WriteFile(path, []byte("x")); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestLock: one holds it, the next is told so, and who comes after it was given back has it.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	first, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second holder: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
