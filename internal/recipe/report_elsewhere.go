package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// devicesFile has the measurements of a run's files on other machines, in its eval folder.
const devicesFile = "devices.json"

// Measurement is how fast a model file ran on another machine.
type Measurement struct {
	Device  string          `json:"device"` // its own name, such as Raspberry Pi 5 Model B Rev 1.0
	Memory  int64           `json:"memory_bytes,omitempty"`
	File    string          `json:"file"` // without its folder
	Sum     string          `json:"xxh64,omitempty"`
	When    time.Time       `json:"when,omitzero"`
	Program string          `json:"program"`
	Speed   workbench.Speed `json:"speed"` // with the number of threads that decoded fastest
}

// ReadMeasurements reads a file of measurements; one that is absent has none.
func ReadMeasurements(path string) ([]Measurement, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("measurements: %w", err)
	}
	var all []Measurement
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("measurements: %s: %w", path, err)
	}
	return all, nil
}

// KeepMeasurements adds to a file of measurements. A device's newer one of a file takes the older one's place.
func KeepMeasurements(path string, more []Measurement) error {
	all, err := ReadMeasurements(path)
	if err != nil {
		return err
	}
	for _, m := range more {
		all = slices.DeleteFunc(all, func(old Measurement) bool { return old.Device == m.Device && old.Sum == m.Sum })
		all = append(all, m)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("measurements: %w", err)
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("measurements: %w", err)
	}
	return durable.WriteFile(path, append(data, '\n'))
}

// RunOf returns the run directory that a model belongs to: itself, or that of an exported file; "" for none.
func RunOf(name string) string {
	for _, dir := range []string{name, filepath.Dir(filepath.Dir(name))} {
		file := filepath.Join(dir, stateFile)
		if _, err := os.Stat(file); err == nil && (dir == name || filepath.Base(filepath.Dir(name)) == ExportDir) {
			return dir
		}
	}
	return ""
}

// AddMeasurements keeps measurements of a run's files with the run, and puts them into its report where there is one.
func AddMeasurements(dir string, more []Measurement) (reported bool, err error) {
	held, err := lock(dir)
	if err != nil {
		return false, fmt.Errorf("measurements: %w", err)
	}
	defer held.Close()
	if err := KeepMeasurements(filepath.Join(dir, EvalDir, devicesFile), more); err != nil {
		return false, err
	}
	rep, err := report.Read(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rep.Models = slices.DeleteFunc(rep.Models, func(m report.Model) bool { return m.MeasuredOn != "" })
	elsewhere, err := measuredElsewhere(dir, rep.Models)
	if err != nil {
		return false, err
	}
	rep.Models = append(rep.Models, elsewhere...)
	return true, report.Write(dir, rep)
}

// measuredElsewhere returns the rows of a report for its exported files on other machines. What was measured of a file
// that has been replaced since is left out.
func measuredElsewhere(dir string, models []report.Model) ([]report.Model, error) {
	all, err := ReadMeasurements(filepath.Join(dir, EvalDir, devicesFile))
	if err != nil || len(all) == 0 {
		return nil, err
	}
	var rows []report.Model
	for i := range models {
		m := &models[i]
		if m.Role != report.Export {
			continue
		}
		sum, err := SumOf(filepath.Join(dir, m.File))
		if err != nil {
			return nil, fmt.Errorf("measurements: %w", err)
		}
		for _, at := range all {
			if at.Sum == sum {
				s := at.Speed
				row := report.Model{Role: report.Export, Name: m.Name, File: m.File, Format: m.Format, Parameters: m.Parameters, Bytes: m.Bytes,
					BitsPerWeight: m.BitsPerWeight, PrefillTokensPS: &s.PrefillTokensPerS, DecodeTokensPS: &s.DecodeTokensPerS, MeasuredOn: at.Device}
				if s.PeakRSSBytes > 0 {
					row.PeakRSSBytes = &s.PeakRSSBytes
				}
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}
