package model

import "fmt"

// Config is the shape of a model of the Llama family.
type Config struct {
	Arch            string       // "llama", "mistral", "qwen2" or "qwen3"
	Vocab           int          // V, rows of the embedding; at least the tokenizer's size
	Context         int          // T, the longest sequence it was trained for
	Width           int          // C, hidden size
	FFN             int          // F, feed-forward size
	Layers          int          // blocks
	Heads           int          // H, query heads
	KVHeads         int          // K, key and value heads; divides Heads
	HeadDim         int          // D, size of a head; even
	RopeTheta       float64      // base of the rotary frequencies
	RopeScaling     *RopeScaling // nil for none
	RopeInterleaved bool         // rotary pairs are (2i, 2i+1) instead of (i, i+D/2): how GGUF stores llama and mistral
	NormEps         float64      // added to the mean square in RMSNorm
	TiedEmbeddings  bool         // the output matrix is the embedding
	AttentionBias   bool         // q, k and v have biases (qwen2)
	QKNorm          bool         // q and k are normalised per head before rotation (qwen3)
}

// RopeScaling stretches the rotary frequencies for longer contexts, with the parameters of Hugging Face's rope_scaling.
type RopeScaling struct {
	Type            string  // "linear", "llama3" or "yarn"
	Factor          float64 // by how much the context grew
	OriginalContext int     // llama3, yarn: the context before
	LowFreqFactor   float64 // llama3
	HighFreqFactor  float64 // llama3
	BetaFast        float64 // yarn; 0 means 32
	BetaSlow        float64 // yarn; 0 means 1
	AttentionFactor float64 // yarn: scale of cos and sin; 0 means 0.1·ln(Factor)+1
}

// QueryWidth returns H·D, the rows of attn_q.
func (c *Config) QueryWidth() int { return c.Heads * c.HeadDim }

// KVWidth returns K·D, the rows of attn_k and attn_v.
func (c *Config) KVWidth() int { return c.KVHeads * c.HeadDim }

// Parameters returns the number of weights, a tied embedding counted once.
func (c *Config) Parameters() int64 {
	var n int64
	for _, s := range c.Shapes() {
		size := int64(1)
		for _, d := range s.Shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// TensorShape is the name and shape of one weight; a matrix has shape (out, in), a vector (n).
type TensorShape struct {
	Name  string
	Shape []int
}

// Shapes lists every weight a model of this configuration has, under its canonical (GGUF) name, in file order.
func (c *Config) Shapes() []TensorShape {
	shapes := []TensorShape{{"token_embd.weight", []int{c.Vocab, c.Width}}}
	for l := range c.Layers {
		add := func(name string, shape ...int) {
			shapes = append(shapes, TensorShape{fmt.Sprintf("blk.%d.%s", l, name), shape})
		}
		add("attn_norm.weight", c.Width)
		add("attn_q.weight", c.QueryWidth(), c.Width)
		add("attn_k.weight", c.KVWidth(), c.Width)
		add("attn_v.weight", c.KVWidth(), c.Width)
		if c.AttentionBias {
			add("attn_q.bias", c.QueryWidth())
			add("attn_k.bias", c.KVWidth())
			add("attn_v.bias", c.KVWidth())
		}
		if c.QKNorm {
			add("attn_q_norm.weight", c.HeadDim)
			add("attn_k_norm.weight", c.HeadDim)
		}
		add("attn_output.weight", c.Width, c.QueryWidth())
		add("ffn_norm.weight", c.Width)
		add("ffn_gate.weight", c.FFN, c.Width)
		add("ffn_up.weight", c.FFN, c.Width)
		add("ffn_down.weight", c.Width, c.FFN)
	}
	shapes = append(shapes, TensorShape{"output_norm.weight", []int{c.Width}})
	if !c.TiedEmbeddings {
		shapes = append(shapes, TensorShape{"output.weight", []int{c.Vocab, c.Width}})
	}
	return shapes
}

// Validate reports the first field that no model can have.
func (c *Config) Validate() error {
	positive := []struct {
		name  string
		value int
	}{{"vocab", c.Vocab}, {"context", c.Context}, {"width", c.Width}, {"ffn", c.FFN}, {"layers", c.Layers},
		{"heads", c.Heads}, {"kv_heads", c.KVHeads}, {"head_dim", c.HeadDim}}
	for _, p := range positive {
		if p.value <= 0 {
			return fmt.Errorf("model: %s is %d, want at least 1", p.name, p.value)
		}
	}
	switch {
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("model: heads %d is no multiple of kv_heads %d", c.Heads, c.KVHeads)
	case c.HeadDim%2 != 0:
		return fmt.Errorf("model: head_dim %d is odd", c.HeadDim)
	case !(c.RopeTheta > 0):
		return fmt.Errorf("model: rope_theta is %g, want more than 0", c.RopeTheta)
	case !(c.NormEps >= 0):
		return fmt.Errorf("model: norm_eps is %g, want at least 0", c.NormEps)
	}
	return nil
}
