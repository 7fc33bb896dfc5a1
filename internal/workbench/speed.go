package workbench

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/infer"
)

// Speed is how fast a model runs on this machine.
type Speed struct {
	Threads             int     `json:"threads"`
	PrefillTokensPerS   float64 `json:"prefill_tokens_per_s"`
	DecodeTokensPerS    float64 `json:"decode_tokens_per_s"`
	PeakRSSBytes        int64   `json:"peak_rss_bytes"` // of the process above what it had before the model was loaded; 0 where the system does not tell
	PrefillTokens       int     `json:"prefill_tokens"`
	DecodeTokens        int     `json:"decode_tokens"`
	LoadSeconds         float64 `json:"load_seconds"`
	WeightBytes         int64   `json:"weight_bytes"`
	DecodeBytesPerSec   float64 `json:"decode_bytes_per_s"` // weights read: what a memory-bound machine is limited by
	SecondsToFirstToken float64 `json:"seconds_to_first_token"`
}

// SpeedOptions say what is measured; a zero field means its default.
type SpeedOptions struct {
	Prefill int // prompt tokens at once; 512
	Decode  int // tokens generated one by one; 128
	Threads int // 0 for all
	Repeat  int // measurements, of which the fastest counts; 3
}

// MeasureSpeed loads the model at path and measures it: the fastest of several repetitions, since what else the machine
// does can only slow one down. Prompts longer than the model's context are shortened to it.
func MeasureSpeed(ctx context.Context, path string, o SpeedOptions) (Speed, error) {
	if o.Prefill <= 0 {
		o.Prefill = 512
	}
	if o.Decode <= 0 {
		o.Decode = 128
	}
	if o.Repeat <= 0 {
		o.Repeat = 3
	}
	debug.FreeOSMemory()
	idle := host.ResetPeakMemory()
	began := time.Now()
	file, err := Open(path)
	if err != nil {
		return Speed{}, err
	}
	defer file.Close()
	m, err := infer.New(file, infer.Options{Threads: o.Threads})
	if err != nil {
		return Speed{}, fmt.Errorf("%s: %w", path, err)
	}
	defer m.Close()
	s := Speed{Threads: o.Threads, LoadSeconds: time.Since(began).Seconds(), WeightBytes: file.Bytes()}
	s.DecodeTokens = min(o.Decode, m.Context()/2)
	s.PrefillTokens = min(o.Prefill, m.Context()-s.DecodeTokens)
	for range o.Repeat {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		if err := s.measure(m); err != nil {
			return s, fmt.Errorf("%s: %w", path, err)
		}
	}
	s.DecodeBytesPerSec = s.DecodeTokensPerS * float64(s.WeightBytes)
	s.SecondsToFirstToken = float64(s.PrefillTokens)/s.PrefillTokensPerS + 1/s.DecodeTokensPerS
	if idle > 0 {
		s.PeakRSSBytes = max(0, host.PeakMemory()-idle)
	}
	return s, nil
}

// measure takes one prompt and one continuation, and keeps the better figures.
func (s *Speed) measure(m *infer.Model) error {
	vocabulary := m.Config().Vocab
	token := func(i int) distill.Token { return distill.Token((i*7919 + 13) % vocabulary) } // any tokens do: the work is the same
	prompt := make([]distill.Token, s.PrefillTokens)
	for i := range prompt {
		prompt[i] = token(i)
	}
	session := m.NewSession()
	began := time.Now()
	if _, err := session.Append(prompt...); err != nil {
		return err
	}
	s.PrefillTokensPerS = max(s.PrefillTokensPerS, float64(len(prompt))/time.Since(began).Seconds())
	began = time.Now()
	for i := range s.DecodeTokens {
		if _, err := session.Append(token(i)); err != nil {
			return err
		}
	}
	s.DecodeTokensPerS = max(s.DecodeTokensPerS, float64(s.DecodeTokens)/time.Since(began).Seconds())
	return nil
}
