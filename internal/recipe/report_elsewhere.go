package recipe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// devicesFile has the measurements of a run's files on other machines, in its eval folder.
const devicesFile = "devices.json"

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
func AddMeasurements(dir string, more []device.Measurement) (reported bool, err error) {
	held, err := lock(dir)
	if err != nil {
		return false, fmt.Errorf("measurements: %w", err)
	}
	defer held.Close()
	if err := device.Keep(filepath.Join(dir, evalDir, devicesFile), more); err != nil {
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
	all, err := device.Read(filepath.Join(dir, evalDir, devicesFile))
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
