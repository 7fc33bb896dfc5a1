package recipe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/durable"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// stateVersion is the version of run.json.
const stateVersion = 1

// runState is run.json: what has been done in a run directory.
type runState struct {
	Version int                    `json:"version"`
	Name    string                 `json:"name"`
	Program string                 `json:"program"`
	Seed    uint64                 `json:"seed"`
	Machine report.Machine         `json:"machine"`
	Stages  map[string]*stageState `json:"stages"`
	Prompts *promptState           `json:"prompts,omitempty"`
}

// stageState is how far one stage has come.
type stageState struct {
	State   string    `json:"state"`            // running or done
	Inputs  string    `json:"inputs"`           // digest of what it depends on
	Output  string    `json:"output,omitempty"` // digest of what it made, once done
	Started time.Time `json:"started"`
	Seconds float64   `json:"seconds"`               // worked in all, over every continuation
	CPU     float64   `json:"cpu_seconds,omitempty"` // of the processors, likewise; 0 where the system does not tell
	Calls   int64     `json:"calls,omitempty"`
	Tokens  int64     `json:"tokens,omitempty"`
	CostUSD *float64  `json:"cost_usd,omitempty"`
	Note    string    `json:"note,omitempty"` // what came of it, for people
}

// The values of stageState.State.
const (
	running = "running"
	done    = "done"
)

func readState(dir string) (*runState, error) {
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &runState{Version: stateVersion, Stages: map[string]*stageState{}}, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(runState)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, hint.Errorf("--fresh sets the old run aside and starts anew", "%s: %w", path, err)
	}
	if s.Version != stateVersion {
		return nil, hint.Errorf("--fresh sets the old run aside and starts anew", "%s: version %d, this program writes %d", path, s.Version, stateVersion)
	}
	if s.Stages == nil {
		s.Stages = map[string]*stageState{}
	}
	return s, nil
}

func (s *runState) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, stateFile), append(data, '\n'))
}

// digest is a hash of values' JSON, which has the same bytes for the same values.
func digest(values ...any) string {
	h := xxhash.New()
	enc := json.NewEncoder(h)
	for _, v := range values {
		if err := enc.Encode(v); err != nil {
			panic("recipe: digest: " + err.Error()) // plain data encodes
		}
	}
	return fmt.Sprintf("%016x", h.Sum64())
}
