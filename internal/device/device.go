// Package device knows the small machines that a student may be meant for: what was published of their speed, and what the
// program itself has measured there.
package device

import (
	"math"
	"slices"
	"strings"
)

// Device is a small machine that a student may be meant for.
type Device struct {
	Name string `json:"name"`
	// BytesPerS is how fast decoding gets through the weights: published tokens a second times the published file's size;
	// 0 where nothing was published.
	BytesPerS float64 `json:"bytes_per_s"`
	// MostTokensPerS is where the estimate stops: models so small that their weights stay in the caches are limited by
	// other things, and are only promised to be faster than this.
	MostTokensPerS float64 `json:"most_tokens_per_s"`
	Memory         int64   `json:"memory_bytes"`
	// MemoryBytesPerS is what the memory moves at most: data rate times width. No program comes near it.
	MemoryBytesPerS float64 `json:"memory_bytes_per_s"`
	Source          string  `json:"source"`
	// Measured is what the program itself found there (distill bench --ssh). It counts before what was published.
	Measured []Measurement `json:"measured,omitempty"`
}

// Published are the machines that plans speak of. Decoding one sequence reads every weight once a token, so its speed is the
// memory's; the figures are what published measurements come to, not what data sheets promise. They are estimates, within
// a factor of about one and a half for models of more than 100 MB; smaller ones are cut off at MostTokensPerS.
var Published = []Device{
	{Name: "Raspberry Pi 5", BytesPerS: 8.1e9, MostTokensPerS: 400, Memory: 8 << 30, MemoryBytesPerS: 17.1e9,
		Source: "Qwen2.5-0.5B Q4_K_M (398 MB) at 20.4 tokens/s, github.com/dambergn/ollama-benchmarks; " +
			"Llama-3.2-3B Q4_K_M (2.0 GB) at 4.9 to 5.6, github.com/geerlingguy/ai-benchmarks, issues 7 and 24"},
	{Name: "Raspberry Pi 4", BytesPerS: 3.1e9, MostTokensPerS: 150, Memory: 4 << 30, MemoryBytesPerS: 12.8e9,
		Source: "Qwen2.5-0.5B Q4_K_M (398 MB) at 7.9 tokens/s, github.com/dambergn/ollama-benchmarks; Qwen-1.8B Q4_0 (1.1 GB) at 3.1, " +
			"github.com/aidatatools/ollama-benchmark, pull request 9; STREAM copies 5.5 GB/s, sci-pi.org.uk/bench/stream.html"},
	{Name: "Raspberry Pi Zero 2 W", BytesPerS: 0.55e9, MostTokensPerS: 60, Memory: 512 << 20, MemoryBytesPerS: 3.6e9,
		Source: "SmolLM-360M Q4_K_M (210 MB) at 2.6 tokens/s, llm-inference.com/blog/smollm-on-a-smol-machine-optimizing-llm-inference-on-a-15-computer"},
}

// nearby is how much larger or smaller a file may be than the one that was measured for its speed to be scaled from it.
const nearby = 4

// DecodeTokensPerS estimates how fast a model of that many bytes of weights answers on the device, and whether it fits.
// measured says that the estimate comes from a measurement there of a file of about that size; perSecond is 0 where
// nothing is known.
func (d Device) DecodeTokensPerS(weightBytes int64) (perSecond float64, measured, fits bool) {
	size := float64(max(1, weightBytes))
	fits = d.Memory == 0 || weightBytes+64<<20 < d.Memory*3/4
	least := math.Log(nearby)
	for _, m := range d.Measured {
		if away := math.Abs(math.Log(size / float64(max(1, m.Speed.WeightBytes)))); away <= least && m.Speed.DecodeTokensPerS > 0 {
			least, measured = away, true
			perSecond = m.Speed.DecodeTokensPerS * float64(m.Speed.WeightBytes) / size
		}
	}
	if measured {
		return perSecond, true, fits
	}
	return min(d.BytesPerS/size, d.MostTokensPerS), false, fits
}

// With returns the published devices with what was measured on them, and those that were measured alone after them.
func With(all []Measurement) []Device {
	devices := slices.Clone(Published)
	for _, m := range all {
		i := slices.IndexFunc(devices, func(d Device) bool { return strings.HasPrefix(m.Device, d.Name) })
		if i < 0 {
			devices = append(devices, Device{Name: m.Device, Memory: m.Memory})
			i = len(devices) - 1
		}
		devices[i].Measured = append(slices.Clip(devices[i].Measured), m)
	}
	return devices
}
