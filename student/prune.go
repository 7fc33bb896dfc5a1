package student

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Cut says what of a model is kept. Numbers that are 0 keep what there is.
type Cut struct {
	Layers  int   // how many
	Keep    []int // which layers, ascending; nil lets By choose
	By      LayerChoice
	Width   int // C
	FFN     int // F
	Heads   int // H; the same number for each KV head
	KVHeads int // K
}

// LayerChoice says which layers are kept.
type LayerChoice string

// The choices.
const (
	Spread       LayerChoice = "spread"     // evenly, the first and the last among them; the default
	ByImportance LayerChoice = "importance" // those that change their input most
)

// Prune returns a smaller student made of parts of this one: whole layers, and within them the channels, neurons and heads
// that data shows to matter most. It needs some recovery by training, the more the narrower it is; dropping layers alone
// costs least. Options are those of New; low-rank adapters of this student are not taken over.
func (s *Student) Prune(c Cut, im Importance, options ...Option) (*Student, error) {
	parts, cfg, err := s.choose(c, im)
	if err != nil {
		return nil, fmt.Errorf("student: prune: %w", err)
	}
	small, err := build(cfg, nil, options)
	if err != nil {
		return nil, err
	}
	for _, p := range small.params {
		if err := parts.copy(p, s); err != nil {
			small.Close()
			return nil, fmt.Errorf("student: prune: %w", err)
		}
	}
	return small, small.adapt(0)
}

// parts are the indices that are kept, ascending.
type parts struct {
	layers   []int
	channels []int
	neurons  [][]int // of each kept layer
	query    [][]int // rows of the query matrix
	key      [][]int // rows of key and value matrices

	norms map[string]float32 // factors on the weights of norms of the large model, by name; nil where no channel goes
}

// Shape returns the shape of what is left of a model. It returns an error for a cut that the model is too small for, or
// whose heads do not fit together.
func (c Cut) Shape(was model.Config) (model.Config, error) {
	cfg := was
	switch {
	case c.Keep != nil:
		cfg.Layers = len(c.Keep)
	case c.Layers != 0:
		cfg.Layers = c.Layers
	}
	if cfg.Layers < 1 || cfg.Layers > was.Layers {
		return cfg, fmt.Errorf("%d layers of %d", cfg.Layers, was.Layers)
	}
	for _, d := range []struct {
		name  string
		field *int
		asked int
	}{{"width", &cfg.Width, c.Width}, {"ffn", &cfg.FFN, c.FFN}, {"heads", &cfg.Heads, c.Heads}, {"kv heads", &cfg.KVHeads, c.KVHeads}} {
		switch {
		case d.asked == 0:
		case d.asked < 0 || d.asked > *d.field:
			return cfg, fmt.Errorf("%s %d of %d", d.name, d.asked, *d.field)
		default:
			*d.field = d.asked
		}
	}
	if cfg.Heads%cfg.KVHeads != 0 || cfg.Heads/cfg.KVHeads > was.Heads/was.KVHeads {
		return cfg, fmt.Errorf("%d heads on %d kv heads of %d on %d", cfg.Heads, cfg.KVHeads, was.Heads, was.KVHeads)
	}
	return cfg, nil
}

// Measured reports whether a cut can only be made with a measured importance: one that makes a model narrower, or chooses
// layers by it.
func (c Cut) Measured(was model.Config) bool {
	cfg, err := c.Shape(was)
	byLayer := c.Keep == nil && c.By == ByImportance && cfg.Layers < was.Layers
	return err == nil && (byLayer || cfg.Width < was.Width || cfg.FFN < was.FFN || cfg.Heads < was.Heads || cfg.KVHeads < was.KVHeads)
}

// choose picks the parts and returns the shape of what they make.
func (s *Student) choose(c Cut, im Importance) (*parts, model.Config, error) {
	was := s.cfg
	cfg, err := c.Shape(was)
	if err != nil {
		return nil, cfg, err
	}
	if c.Measured(was) && im.Channels == nil {
		return nil, cfg, fmt.Errorf("width, ffn, heads and layers by importance cannot be chosen without a measured importance")
	}
	layers, err := c.Kept(was.Layers, im)
	if err != nil {
		return nil, cfg, err
	}
	p := &parts{layers: layers, channels: largest(im.Channels, was.Width, cfg.Width)}
	for _, layer := range layers {
		var neurons, heads []float64
		if im.Neurons != nil {
			neurons = im.Neurons[layer]
		}
		if im.Heads != nil {
			heads = im.Heads[layer]
		}
		p.neurons = append(p.neurons, largest(neurons, was.FFN, cfg.FFN))
		query, key := chooseHeads(heads, was, cfg)
		p.query = append(p.query, expand(query, cfg.HeadDim))
		p.key = append(p.key, expand(key, cfg.HeadDim))
	}
	if cfg.Width < was.Width {
		p.norms = im.normScales(p.channels)
	}
	return p, cfg, nil
}

// Kept returns which of a model's n layers are kept, ascending.
func (c Cut) Kept(n int, im Importance) ([]int, error) {
	if c.Keep != nil {
		if len(c.Keep) == 0 || !increasing(c.Keep) || c.Keep[0] < 0 || c.Keep[len(c.Keep)-1] >= n {
			return nil, fmt.Errorf("layers %v of %d", c.Keep, n)
		}
		return c.Keep, nil
	}
	keep := c.Layers
	if keep == 0 {
		keep = n
	}
	switch {
	case keep < 0 || keep > n:
		return nil, fmt.Errorf("%d layers of %d", keep, n)
	case c.By == ByImportance:
		if len(im.Layers) != n && keep < n {
			return nil, fmt.Errorf("layers cannot be chosen without a measured importance")
		}
		return largest(im.Layers, n, keep), nil
	case c.By != "" && c.By != Spread:
		return nil, fmt.Errorf("layers by %q, neither %s nor %s", c.By, Spread, ByImportance)
	}
	var layers []int
	for i := range keep {
		if keep == 1 {
			return []int{0}, nil
		}
		layers = append(layers, (i*(n-1)*2+keep-1)/(2*(keep-1))) // rounded
	}
	return layers, nil
}

func increasing(values []int) bool {
	for i := 1; i < len(values); i++ {
		if values[i] <= values[i-1] {
			return false
		}
	}
	return true
}

// largest returns the indices of the largest keep of n values, ascending; all of them if keep is n.
func largest(values []float64, n, keep int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	if keep == n {
		return order
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] > values[b]:
			return -1
		case values[a] < values[b]:
			return 1
		}
		return 0
	})
	order = order[:keep]
	slices.Sort(order)
	return order
}

// chooseHeads keeps the KV heads whose query heads carry most, and of each as many query heads as the new shape has.
func chooseHeads(heads []float64, was, cfg model.Config) (query, key []int) {
	group, keep := was.Heads/was.KVHeads, cfg.Heads/cfg.KVHeads
	sums := make([]float64, was.KVHeads)
	for h, v := range heads {
		sums[h/group] += v
	}
	key = largest(sums, was.KVHeads, cfg.KVHeads)
	for _, kv := range key {
		var of []float64
		if heads != nil {
			of = heads[kv*group : (kv+1)*group]
		}
		for _, h := range largest(of, group, keep) {
			query = append(query, kv*group+h)
		}
	}
	return query, key
}

// expand returns the rows of heads: D each.
func expand(heads []int, headDim int) []int {
	var rows []int
	for _, h := range heads {
		for d := range headDim {
			rows = append(rows, h*headDim+d)
		}
	}
	return rows
}

// copy fills a parameter of the small model with the kept rows and columns of the large one's.
func (p *parts) copy(to *nn.Param, from *Student) error {
	name, layer := to.Name(), -1
	if rest, ok := strings.CutPrefix(name, "blk."); ok {
		number, tail, _ := strings.Cut(rest, ".")
		var err error
		if layer, err = strconv.Atoi(number); err != nil {
			return fmt.Errorf("weight %q has no layer", name)
		}
		name = fmt.Sprintf("blk.%d.%s", p.layers[layer], tail)
	}
	source := from.byName[name]
	rows, cols := p.rows(to.Name(), layer, source), p.cols(to.Name(), layer, source)
	w := to.Data()
	row := make([]float32, source.Shape()[len(source.Shape())-1])
	if len(rows)*len(cols) != len(w) {
		return fmt.Errorf("weight %s: %d rows and %d columns do not fill %d elements", to.Name(), len(rows), len(cols), len(w))
	}
	i := 0
	for _, r := range rows {
		source.Rows(row, r, r+1)
		for _, c := range cols {
			w[i] = row[c]
			i++
		}
	}
	if scale, ok := p.norms[name]; ok {
		kernel.Scale(w, scale)
	}
	to.Changed()
	return nil
}

// rows returns the kept rows of a weight; a vector has one.
func (p *parts) rows(name string, layer int, source *nn.Param) []int {
	if len(source.Shape()) == 1 {
		return []int{0}
	}
	switch part := suffix(name); part {
	case "attn_q":
		return p.query[layer]
	case "attn_k", "attn_v":
		return p.key[layer]
	case "ffn_gate", "ffn_up":
		return p.neurons[layer]
	case "attn_output", "ffn_down":
		return p.channels
	}
	return largest(nil, source.Shape()[0], source.Shape()[0]) // embeddings: the whole vocabulary
}

// cols returns the kept columns of a matrix, or elements of a vector.
func (p *parts) cols(name string, layer int, source *nn.Param) []int {
	vector := len(source.Shape()) == 1
	switch part := suffix(name); {
	case part == "attn_output":
		return p.query[layer]
	case part == "ffn_down":
		return p.neurons[layer]
	case vector && part == "attn_q": // a bias
		return p.query[layer]
	case vector && (part == "attn_k" || part == "attn_v"):
		return p.key[layer]
	case part == "attn_q_norm" || part == "attn_k_norm": // over a head, which stays whole
		return largest(nil, source.Shape()[0], source.Shape()[0])
	}
	return p.channels
}

// suffix returns attn_q of blk.3.attn_q.weight.
func suffix(name string) string {
	parts := strings.Split(name, ".")
	return parts[max(0, len(parts)-2)]
}
