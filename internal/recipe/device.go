package recipe

// Device is a small machine that a student may be meant for.
type Device struct {
	Name string `json:"name"`
	// BytesPerS is how fast decoding gets through the weights: published tokens a second times the published file's size.
	BytesPerS float64 `json:"bytes_per_s"`
	// MostTokensPerS is where the estimate stops: models so small that their weights stay in the caches are limited by
	// other things, and are only promised to be faster than this.
	MostTokensPerS float64 `json:"most_tokens_per_s"`
	Memory         int64   `json:"memory_bytes"`
	Source         string  `json:"source"`
}

// Devices are the machines that plans speak of. Decoding one sequence reads every weight once a token, so its speed is the
// memory's; the figures are what published measurements come to, not what data sheets promise. They are estimates, within
// a factor of about one and a half for models of more than 100 MB; smaller ones are cut off at MostTokensPerS.
var Devices = []Device{
	{"Raspberry Pi 5", 8.1e9, 400, 8 << 30,
		"Qwen2.5-0.5B Q4_K_M (398 MB) at 20.4 tokens/s, dambergn/ollama-benchmarks; Llama-3.2-1B agrees (7.7 to 11.2)"},
	{"Raspberry Pi 4", 3.1e9, 150, 4 << 30,
		"Qwen2.5-0.5B Q4_K_M (398 MB) at 7.9 tokens/s, dambergn/ollama-benchmarks"},
	{"Raspberry Pi Zero 2 W", 1.2e9, 60, 512 << 20,
		"no published measurement found: the Pi 4's figure scaled by the memory's data rate (LPDDR2-900 against LPDDR4-3200, with a higher share used)"},
}

// DecodeTokensPerS estimates how fast a model of that many bytes of weights answers on the device, and whether it fits.
func (d Device) DecodeTokensPerS(weightBytes int64) (perSecond float64, fits bool) {
	return min(d.BytesPerS/float64(max(1, weightBytes)), d.MostTokensPerS), weightBytes+64<<20 < d.Memory*3/4
}
