package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a report, beside each other in a run directory.
const (
	JSONFile     = "report.json"
	MarkdownFile = "report.md"
	HTMLFile     = "report.html"
)

// Write renders r into dir as report.json, report.md and report.html. Each file is replaced atomically, the JSON last, so
// that a report.json is never newer than what people read.
func Write(dir string, r *Report) error {
	r.Version = SchemaVersion
	renderings := []struct {
		file   string
		render func(io.Writer, *Report) error
	}{{HTMLFile, HTML}, {MarkdownFile, Markdown}, {JSONFile, writeJSON}}
	for _, rendering := range renderings {
		var b bytes.Buffer
		if err := rendering.render(&b, r); err != nil {
			return fmt.Errorf("report: %s: %w", rendering.file, err)
		}
		if err := replace(filepath.Join(dir, rendering.file), b.Bytes()); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// Read reads the report.json of a run directory.
func Read(dir string) (*Report, error) {
	path := filepath.Join(dir, JSONFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	r := new(Report)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("report: %s: %w", path, err)
	}
	if r.Version != SchemaVersion {
		return nil, fmt.Errorf("report: %s: version %d, want %d", path, r.Version, SchemaVersion)
	}
	return r, nil
}

func writeJSON(w io.Writer, r *Report) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func replace(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // a no-op once it has been renamed
	if _, err = tmp.Write(data); err == nil {
		err = tmp.Chmod(0o644)
	}
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
