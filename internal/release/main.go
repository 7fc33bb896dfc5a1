// Command release builds the program for every platform and packs it, as `make dist` calls it:
//
//	go run ./internal/release -version v1.2.3 -out dist
//
// Each archive is named distill-VERSION-PLATFORM and has the program, the licence and the README in a folder of that name;
// SHA256SUMS is for `sha256sum -c`. The same sources and the same Go make the same bytes, wherever and whenever: paths are
// trimmed, times are fixed, no commit is asked for.
package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// platforms are GOOS/GOARCH, and GOARM after another slash.
var platforms = []string{"linux/amd64", "linux/arm64", "linux/arm/7", "darwin/amd64", "darwin/arm64", "windows/amd64"}

// epoch is the time of every file in an archive: the earliest that zip knows.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	version := flag.String("version", "", "of the release, such as v1.2.3")
	out := flag.String("out", "dist", "folder")
	flag.Parse()
	if err := release(*version, *out, platforms, build); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// file is a member of an archive.
type file struct {
	name string
	mode os.FileMode
	data []byte
}

// builder returns the program for a platform.
type builder func(version, platform string) ([]byte, error)

func release(version, out string, platforms []string, build builder) error {
	if version == "" || strings.ContainsAny(version, "/\\ '\"") {
		return fmt.Errorf("-version %q: want one such as v1.2.3", version)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var sums strings.Builder
	for _, platform := range platforms {
		program, err := build(version, platform)
		if err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		name, data, err := archive(version, platform, program)
		if err != nil {
			return fmt.Errorf("%s: %w", platform, err)
		}
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
		fmt.Printf("%s  %.1f MB\n", filepath.Join(out, name), float64(len(data))/1e6)
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), []byte(sums.String()), 0o644)
}

func build(version, platform string) ([]byte, error) {
	part := strings.Split(platform+"//", "/")
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "distill")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", program, "./cmd/distill")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOOS="+part[0], "GOARCH="+part[1], "GOARM="+part[2])
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(program)
}

// archive packs a program: zip for Windows, tar.gz elsewhere.
func archive(version, platform string, program []byte) (name string, data []byte, err error) {
	folder := "distill-" + version + "-" + strings.NewReplacer("arm/", "armv", "/", "-").Replace(platform)
	binary := "distill"
	if strings.HasPrefix(platform, "windows/") {
		binary += ".exe"
	}
	files := []file{{folder + "/" + binary, 0o755, program}}
	for _, beside := range []string{"LICENSE", "README.md"} {
		text, err := os.ReadFile(beside)
		if err != nil {
			return "", nil, err
		}
		files = append(files, file{folder + "/" + beside, 0o644, text})
	}
	var b bytes.Buffer
	name, pack := folder+".tar.gz", packTar
	if strings.HasPrefix(platform, "windows/") {
		name, pack = folder+".zip", packZip
	}
	err = pack(&b, files)
	return name, b.Bytes(), err
}

func packTar(w io.Writer, files []file) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.BestCompression) // without a name and a time
	if err != nil {
		return err
	}
	t := tar.NewWriter(zipped)
	for _, f := range files {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: int64(f.mode), Size: int64(len(f.data)), ModTime: epoch, Format: tar.FormatUSTAR}
		if err := t.WriteHeader(head); err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), zipped.Close())
}

func packZip(w io.Writer, files []file) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		head := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
		head.SetMode(f.mode)
		member, err := z.CreateHeader(head)
		if err != nil {
			return err
		}
		if _, err := member.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}
