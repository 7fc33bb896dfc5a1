package model

import (
	"fmt"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/gguf"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// GGUF's names of what is not a weight of Specs.
const (
	keyArch       = "general.architecture"
	keyName       = "general.name"
	keyTemplate   = "tokenizer.chat_template"
	ropeFreqsName = "rope_freqs.weight"
	noTokenizer   = "none" // of tokenizer.ggml.model: ids only
)

func openGGUF(path string) (*Model, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return nil, hinted(fmt.Errorf("model: %w", err), "a model is a GGUF file that is complete, or a Hugging Face folder")
	}
	m, err := FromGGUF(f)
	if err != nil {
		f.Close()
		return nil, hinted(fmt.Errorf("%w (in %s)", err, path), "the file is damaged, or for other programs: fetch or convert it again")
	}
	m.close, m.mapped = f.Close, true
	return m, nil
}

// FromGGUF returns the model that f holds. It aliases f, which the caller keeps open for as long and closes.
func FromGGUF(f *gguf.File) (*Model, error) {
	m := &Model{tensors: make(map[string]Tensor, len(f.Tensors))}
	for _, t := range f.Tensors {
		m.tensors[t.Name] = Tensor{Name: t.Name, Type: t.Type, Shape: t.Shape, Data: f.Data(t)}
	}
	var err error
	if m.Config, err = configFromGGUF(f.Metadata, m.tensors); err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil { // before anything is made in the sizes it claims
		return nil, named(err, ggufFieldNames(m.Arch))
	}
	m.shorten(f.Metadata)
	if err := m.dropUnknown(); err != nil {
		return nil, err
	}
	m.Name, _ = f.Metadata.String(keyName)
	m.Template, _ = f.Metadata.String(keyTemplate)
	if kind, ok := f.Metadata.String(tokenizer.KeyModel); ok && kind != noTokenizer {
		if m.Tokenizer, err = tokenizer.FromGGUF(f.Metadata); err != nil {
			return nil, fmt.Errorf("model: %w", err)
		}
	}
	return m, m.check()
}

// ggufFieldNames are the fields of a Config as metadata calls them.
func ggufFieldNames(arch string) map[string]string {
	names := map[string]string{fieldVocab: `weight "token_embd.weight"`, fieldDivisors: fmt.Sprintf("weight %q", ropeFreqsName)}
	for field, key := range map[string]string{
		fieldContext: "context_length", fieldWidth: "embedding_length", fieldFFN: "feed_forward_length", fieldLayers: "block_count",
		fieldHeads: "attention.head_count", fieldKVHeads: "attention.head_count_kv", fieldHeadDim: "attention.key_length",
		fieldTheta: "rope.freq_base", fieldEps: "attention.layer_norm_rms_epsilon", fieldScaling: "rope.scaling",
	} {
		names[field] = fmt.Sprintf("metadata %q", arch+"."+key)
	}
	return names
}

// shorten cuts the context to a window of attention, which gives the same function up to its length, and notes what else
// is odd.
func (m *Model) shorten(md *gguf.Metadata) {
	window, _ := md.Int(m.Arch + ".attention.sliding_window")
	if window > 0 && window < m.Context {
		m.note("attention.sliding_window: attention is not windowed here; the context is cut from %d to %d", m.Context, window)
		m.Context = window
	}
	if m.NormEps == 0 {
		m.note("attention.layer_norm_rms_epsilon: 0, where models have 1e-6 or 1e-5: a row of zeros has no norm then")
	}
}

// dropUnknown refuses weights the graph has no place for, which would change its function if they were passed over.
func (m *Model) dropUnknown() error {
	known := make(map[string]bool)
	for _, s := range m.Specs() {
		known[s.Name] = true
	}
	delete(m.tensors, ropeFreqsName)
	for name := range m.tensors {
		if !known[name] {
			return m.noPlace(name, "blk.", "block_count")
		}
	}
	return nil
}

// ggufFields reads metadata below an architecture's prefix and remembers the first thing wrong.
type ggufFields struct {
	m    *gguf.Metadata
	arch string
	err  error
}

func (g *ggufFields) key(name string) string { return g.arch + "." + name }

func (g *ggufFields) has(name string) bool {
	_, ok := g.m.Get(g.key(name))
	return ok
}

// int returns a required integer; an array in its place must be uniform.
func (g *ggufFields) int(name string) int {
	n, ok := g.m.Int(g.key(name))
	if all, isArray := g.m.Ints(g.key(name)); isArray && len(all) > 0 {
		n, ok = all[0], len(slices.Compact(slices.Clone(all))) == 1
	}
	if !ok && g.err == nil {
		g.err = fmt.Errorf("model: metadata %q: missing, or not one integer for all layers", g.key(name))
	}
	return n
}

func (g *ggufFields) intOr(name string, other int) int {
	if !g.has(name) {
		return other
	}
	return g.int(name)
}

func (g *ggufFields) floatOr(name string, other float64) float64 {
	if !g.has(name) {
		return other
	}
	x, ok := g.m.Float(g.key(name))
	if !ok && g.err == nil {
		g.err = fmt.Errorf("model: metadata %q is no number", g.key(name))
	}
	return x
}

func configFromGGUF(md *gguf.Metadata, tensors map[string]Tensor) (Config, error) {
	arch, ok := md.String(keyArch)
	if !ok {
		return Config{}, fmt.Errorf("model: metadata %q is missing", keyArch)
	}
	if !slices.Contains(Architectures, arch) || arch == Mistral {
		return Config{}, unsupportedArch(arch)
	}
	g := &ggufFields{m: md, arch: arch}
	c := Config{
		Arch: arch, Context: g.int("context_length"), Width: g.int("embedding_length"), FFN: g.int("feed_forward_length"),
		Layers: g.int("block_count"), Heads: g.int("attention.head_count"),
		NormEps:   g.floatOr("attention.layer_norm_rms_epsilon", 0),
		RopeTheta: g.floatOr("rope.freq_base", 10000), RopeInterleaved: arch == Llama,
		QKNorm: arch == Qwen3,
	}
	if g.err == nil && !g.has("attention.layer_norm_rms_epsilon") {
		g.err = fmt.Errorf("model: metadata %q is missing", g.key("attention.layer_norm_rms_epsilon"))
	}
	c.KVHeads = g.intOr("attention.head_count_kv", c.Heads)
	if g.err != nil {
		return c, g.err
	}
	if c.Heads < 1 {
		return c, fmt.Errorf("model: metadata %q: %d heads", g.key("attention.head_count"), c.Heads)
	}
	if !g.has("attention.key_length") && c.Width%c.Heads != 0 {
		g.err = fmt.Errorf("model: metadata %q: %d is no multiple of the %d heads, and there is no %q", g.key("embedding_length"), c.Width, c.Heads, g.key("attention.key_length"))
	}
	c.HeadDim = g.intOr("attention.key_length", c.Width/c.Heads)
	g.refuse()
	if n := g.intOr("attention.value_length", c.HeadDim); n != c.HeadDim && g.err == nil {
		g.err = fmt.Errorf("model: values of %d beside keys of %d are not supported", n, c.HeadDim)
	}
	if n := g.intOr("rope.dimension_count", c.HeadDim); n != c.HeadDim && g.err == nil {
		g.err = fmt.Errorf("model: rotating %d of %d dimensions of a head is not supported", n, c.HeadDim)
	}
	if embedding, ok := tensors["token_embd.weight"]; ok {
		c.Vocab = embedding.Shape[0]
	}
	_, untied := tensors["output.weight"]
	c.TiedEmbeddings = !untied
	_, c.AttentionBias = tensors["blk.0.attn_q.bias"]
	g.ropeScaling(&c, tensors)
	return c, g.err
}

// refuse names the first key that asks for something else than this family's graph.
func (g *ggufFields) refuse() {
	if n := g.intOr("expert_count", 0); n > 0 && g.err == nil {
		g.err = fmt.Errorf("model: mixtures of experts are not supported (%s is %d)", g.key("expert_count"), n)
	}
	if causal, ok := g.m.Bool(g.key("attention.causal")); ok && !causal && g.err == nil {
		g.err = fmt.Errorf("model: metadata %q: attention to what comes after is not supported", g.key("attention.causal"))
	}
	for _, name := range []string{"attention.clamp_kqv", "attention.max_alibi_bias", "attention.scale", "logit_scale", "residual_scale", "embedding_scale"} {
		if x := g.floatOr(name, 0); x != 0 && g.err == nil {
			g.err = fmt.Errorf("model: metadata %q: %g is not supported", g.key(name), x)
		}
	}
}

func (g *ggufFields) ropeScaling(c *Config, tensors map[string]Tensor) {
	kind, _ := g.m.String(g.key("rope.scaling.type"))
	factor := g.floatOr("rope.scaling.factor", g.floatOr("rope.scale_linear", 1))
	switch kind {
	case "", RopeLinear:
		if factor != 1 && factor != 0 {
			c.RopeScaling = &RopeScaling{Type: RopeLinear, Factor: factor}
		}
	case "none":
	case RopeYarn:
		c.RopeScaling = &RopeScaling{Type: RopeYarn, Factor: factor, OriginalContext: g.intOr("rope.scaling.original_context_length", c.Context),
			BetaFast: g.floatOr("rope.scaling.yarn_beta_fast", 0), BetaSlow: g.floatOr("rope.scaling.yarn_beta_slow", 0)}
		if f := g.floatOr("rope.scaling.attn_factor", 1); f != 1 && f != 0 { // llama.cpp multiplies yarn's own factor by it
			c.RopeScaling.AttentionFactor = f * c.RopeScaling.attention()
		}
	default:
		c.RopeScaling = &RopeScaling{Type: kind} // refused by name when checked
	}
	freqs, ok := tensors[ropeFreqsName]
	if !ok || g.err != nil {
		return
	}
	divisors, err := freqs.Float32()
	switch {
	case err != nil:
		g.err = err
	case c.Arch != Llama:
		g.err = fmt.Errorf("model: %s has no place in the %s architecture", ropeFreqsName, c.Arch)
	case c.RopeScaling != nil:
		g.err = fmt.Errorf("model: %s together with rope scaling %q is not supported", ropeFreqsName, c.RopeScaling.Type)
	default:
		c.RopeScaling = llama3FromDivisors(divisors, c.RopeTheta, g.intOr("rope.scaling.original_context_length", 0))
	}
}

// llama3FromDivisors finds the parameters that give the divisors. Files do not say them; those of Llama 3.1 and 3.2
// (original context 8192, factors 1 and 4) are tried, then other powers of two. Where none fits, the divisors alone
// define the scaling.
func llama3FromDivisors(divisors []float32, theta float64, original int) *RopeScaling {
	s := &RopeScaling{Type: RopeLlama3, Factor: float64(slices.Max(append(slices.Clone(divisors), 1))), Divisors: divisors}
	for _, context := range []int{original, 8192, 1024, 2048, 4096, 16384, 32768, 65536, 131072} {
		guess := RopeScaling{Type: RopeLlama3, Factor: s.Factor, OriginalContext: context, LowFreqFactor: 1, HighFreqFactor: 4}
		c := Config{HeadDim: 2 * len(divisors), RopeTheta: theta, RopeScaling: &guess}
		if context > 0 && near(c.llama3Divisors(), divisors) {
			guess.Divisors = divisors
			return &guess
		}
	}
	return s
}

func near(a, b []float32) bool {
	for i := range a {
		if d := a[i] - b[i]; d > 1e-4*b[i] || d < -1e-4*b[i] {
			return false
		}
	}
	return true
}
