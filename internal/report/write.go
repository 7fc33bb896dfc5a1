package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/internal/durable"
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
		if err := durable.WriteFile(filepath.Join(dir, rendering.file), b.Bytes()); err != nil {
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
