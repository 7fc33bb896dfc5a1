package device

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
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

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

// Read reads a file of measurements; one that is absent has none.
func Read(path string) ([]Measurement, error) {
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

// Keep adds to a file of measurements. A device's newer one of a file takes the older one's place.
func Keep(path string, more []Measurement) error {
	all, err := Read(path)
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
