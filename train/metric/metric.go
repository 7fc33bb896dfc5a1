// Package metric writes what a training run measures, for people's scripts and for TensorBoard.
//
//	w, err := metric.Open(dir, 0)
//	err = w.Write(step, []metric.Value{{Name: "loss", Value: 2.3}, {Name: "rate", Value: 1e-3}})
//	err = w.Close()
//
// Two files are written side by side: metrics.jsonl, one JSON object a line with "step", "time" (Unix seconds) and the
// values by name; and events.out.tfevents.*, the same as TensorBoard scalars. A run that goes on from step n drops the
// lines of later steps and purges TensorBoard's, so that every step has one line.
package metric

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// FileName is the name of the file of JSON lines.
const FileName = "metrics.jsonl"

// Value is one number under a name.
type Value struct {
	Name  string
	Value float64
}

// Writer appends to both files. It is used by one goroutine at a time.
type Writer struct {
	now    func() time.Time
	lines  *os.File
	events *os.File
	buf    []byte
}

// Open opens the files in a folder, made if need be, to go on after a step: what was written of later steps is dropped.
func Open(dir string, after int) (*Writer, error) { return open(dir, after, time.Now) }

func open(dir string, after int, now func() time.Time) (_ *Writer, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	w := &Writer{now: now}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.lines, err = reopen(filepath.Join(dir, FileName), after); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	name := fmt.Sprintf("events.out.tfevents.%d.distill.%d", now().Unix(), after)
	if w.events, err = os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	seconds := float64(now().UnixMicro()) / 1e6
	if _, err = w.events.Write(appendRecord(nil, versionEvent(seconds))); err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	if after > 0 {
		_, err = w.events.Write(appendRecord(nil, restartEvent(seconds, after+1)))
	}
	return w, err
}

// reopen opens a file of JSON lines for appending, cut before the first line that is of a later step or unreadable.
func reopen(path string, after int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	keep := int64(0)
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		var at struct{ Step *int }
		if err != nil || json.Unmarshal(line, &at) != nil || at.Step == nil || *at.Step > after {
			break
		}
		keep += int64(len(line))
	}
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(keep, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Write appends one line and its events. Values that are not finite become null in JSON, which has no word for them.
func (w *Writer) Write(step int, values []Value) error {
	seconds := float64(w.now().UnixMicro()) / 1e6
	b := fmt.Appendf(w.buf[:0], `{"step":%d,"time":%s`, step, strconv.FormatFloat(seconds, 'f', 3, 64))
	for _, v := range values {
		name, err := json.Marshal(v.Name)
		if err != nil {
			return fmt.Errorf("metric: %w", err)
		}
		b = append(append(append(b, ','), name...), ':')
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			b = append(b, "null"...)
			continue
		}
		number, err := json.Marshal(v.Value)
		if err != nil {
			return fmt.Errorf("metric: %w", err)
		}
		b = append(b, number...)
	}
	b = append(b, "}\n"...)
	w.buf = b
	if _, err := w.lines.Write(b); err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	if _, err := w.events.Write(appendRecord(nil, scalarEvent(seconds, step, values))); err != nil {
		return fmt.Errorf("metric: %w", err)
	}
	return nil
}

// Close closes both files.
func (w *Writer) Close() error {
	var err error
	for _, f := range []*os.File{w.lines, w.events} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// Read returns the lines of a metrics file, values by name; null is NaN.
func Read(path string) ([]map[string]float64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("metric: %w", err)
	}
	var lines []map[string]float64
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var values map[string]*float64
		if err := json.Unmarshal(line, &values); err != nil {
			return lines, fmt.Errorf("metric: %s: line %d: %w", path, i+1, err)
		}
		row := map[string]float64{}
		for name, v := range values {
			row[name] = math.NaN()
			if v != nil {
				row[name] = *v
			}
		}
		lines = append(lines, row)
	}
	return lines, nil
}
