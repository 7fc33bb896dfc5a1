package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// TestArchives packs twice what a builder makes: the same bytes, with the sums that are written beside them, and inside the
// program, executable, under the platform's name.
func TestArchives(t *testing.T) {
	t.Chdir(fixture.Root())
	made := func(version, platform string) ([]byte, error) {
		return []byte("program " + version + " " + platform), nil
	}
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := release("v1.2.3", dir, platforms, made); err != nil {
			t.Fatal(err)
		}
	}
	sums, err := os.ReadFile(filepath.Join(first, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sums)), "\n")
	if len(lines) != len(platforms) {
		t.Fatalf("%d sums for %d platforms", len(lines), len(platforms))
	}
	for i, line := range lines {
		sum, name, _ := strings.Cut(line, "  ")
		a, errA := os.ReadFile(filepath.Join(first, name))
		b, errB := os.ReadFile(filepath.Join(second, name))
		if err := errors.Join(errA, errB); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a, b) {
			t.Errorf("%s has other bytes the second time", name)
		}
		if fmt.Sprintf("%x", sha256.Sum256(a)) != sum {
			t.Errorf("%s has another sum", name)
		}
		folder := strings.TrimSuffix(strings.TrimSuffix(name, ".tar.gz"), ".zip")
		program, mode := unpack(t, name, a, folder+"/distill")
		if want := "program v1.2.3 " + platforms[i]; program != want || mode.Perm() != 0o755 {
			t.Errorf("%s: %q with mode %v, want %q", name, program, mode, want)
		}
	}
	if !strings.Contains(string(sums), "distill-v1.2.3-linux-armv7.tar.gz") {
		t.Errorf("names are\n%s", sums)
	}
	for _, version := range []string{"", "a b", "../x"} {
		if err := release(version, first, nil, made); err == nil {
			t.Errorf("version %q was taken", version)
		}
	}
}

// unpack returns a member of an archive; on Windows programs end in .exe.
func unpack(t *testing.T, name string, data []byte, member string) (string, os.FileMode) {
	t.Helper()
	if strings.HasSuffix(name, ".zip") {
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		f, err := z.Open(member + ".exe")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, err := io.ReadAll(f)
		info, statErr := f.Stat()
		if err := errors.Join(err, statErr); err != nil {
			t.Fatal(err)
		}
		return string(text), info.Mode()
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(unzipped); ; {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("%s: %s: %v", name, member, err)
		}
		if h.Name == member {
			text, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return string(text), h.FileInfo().Mode()
		}
	}
}
