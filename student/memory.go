package student

import (
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Load is what a training run asks of memory.
type Load struct {
	Rows, Length         int // B and T of a batch
	HeldoutRows          int // rows of evaluated batches of that length; 0 means none
	BF16, Recompute, EMA bool
	KeepBest             bool // without a folder for checkpoints
	Muon                 bool // instead of AdamW
	LoRA                 *LoRA
	Base                 int64 // bytes of the frozen weights as they lie in their file, with LoRA; 0 means float32 in memory
	Rounded              bool  // with RoundTo
	Hidden               int   // width of the teacher whose hidden states are matched, at every layer; 0 means none
}

// Footprint is the memory of a training run, in bytes.
type Footprint struct {
	Weights     int64 // and rounded and averaged copies of them
	Gradients   int64
	Optimizer   int64
	Packed      int64 // weights as the kernels lay them out, in both orientations
	Activations int64 // of forward and backward pass
	Logits      int64 // of the rows that have logits at the same time
	Program     int64 // stacks, scratch of the kernels, garbage
}

// Total returns the sum.
func (f Footprint) Total() int64 {
	return f.Weights + f.Gradients + f.Optimizer + f.Packed + f.Activations + f.Logits + f.Program
}

// Garbage is how much memory the collector may leave unreclaimed in training, see [Footprint.GCPercent].
const Garbage = 32 << 20

// GCPercent returns the setting of Go's collector (debug.SetGCPercent) that keeps to Garbage: its default lets the heap grow
// to twice what is alive, which of a training that hardly allocates would all be waste. beside is what else is alive. It is at
// least 5, where garbage is the twentieth part.
func (f Footprint) GCPercent(beside int64) int {
	live := f.Total() - f.Program + beside
	return int(min(100, max(5, 100*Garbage/max(1, live))))
}

// Memory predicts what training a student of that shape needs, before anything is allocated. It counts the buffers that
// this package, internal/nn and train/optim keep, and what garbage may lie about; program and data come on top.
func Memory(cfg model.Config, l Load) Footprint {
	f := Footprint{Program: Garbage}
	prec := kernel.FP32
	if l.BF16 {
		prec = kernel.BF16
	}
	head := int64(cfg.Vocab) * int64(cfg.Width)
	f.Packed = int64(kernel.PackedBytes(prec, cfg.Vocab, cfg.Width))
	all, matrices := int64(0), int64(0) // elements; matrices of the blocks
	for _, s := range cfg.Specs() {
		n := elements(s.Shape)
		all += n
		if len(s.Shape) == 2 && strings.HasPrefix(s.Name, "blk.") {
			matrices += n
			f.Packed += int64(kernel.PackedBytes(prec, s.Shape[0], s.Shape[1]))
		}
	}
	learnt, learntMatrices, added := all, matrices, int64(0)
	if l.LoRA != nil {
		added = adapterElements(cfg, *l.LoRA)
		learnt, learntMatrices = added, 0
	}
	projections := int64(cfg.Layers) * int64(l.Hidden) * int64(cfg.Width)
	learnt, added = learnt+projections, added+projections
	f.Weights = 4 * (all + added)
	if l.Base > 0 {
		f.Weights = l.Base + 4*added
	}
	if l.Rounded {
		f.Weights += 4 * (matrices + head)
	}
	for _, copied := range []bool{l.EMA, l.KeepBest} {
		if copied {
			f.Weights += 4 * learnt
		}
	}
	f.Gradients = 4 * learnt
	f.Optimizer = 8 * learnt
	if l.Muon {
		f.Optimizer -= 4 * learntMatrices
		f.Optimizer += 4 * 4 * int64(cfg.Width) * int64(max(cfg.FFN, cfg.Heads*cfg.HeadDim))
	}
	if l.Base > 0 {
		f.Packed = 0
	}
	if l.Rounded { // rounded queries, keys, values and gate, up are put side by side first
		f.Packed += 4 * int64(cfg.Layers) * int64(cfg.Width) * int64((cfg.Heads+2*cfg.KVHeads)*cfg.HeadDim+2*cfg.FFN)
	}
	pass := pass{rows: l.Rows * l.Length, factor: 4, shared: l.Recompute}
	if l.BF16 && kernel.KeepsBF16(kernel.BF16) {
		pass.factor = 2
		pass.chunked = l.LoRA == nil && nn.Chunked(kernel.BF16, 3*cfg.Width*cfg.FFN)
	}
	f.Activations, f.Logits = pass.activations(cfg)
	if l.LoRA != nil {
		f.Activations += adapterActivations(cfg, *l.LoRA, l.Rows*l.Length)
	}
	if l.Hidden > 0 { // projected states and the gradient of the student's, at each layer
		f.Activations += 4 * int64(l.Rows*l.Length) * int64(cfg.Layers) * int64(l.Hidden+cfg.Width)
	}
	if l.HeldoutRows > 0 {
		pass.rows, pass.shared, pass.inference = l.HeldoutRows*l.Length, true, true
		a, logits := pass.activations(cfg)
		f.Activations, f.Logits = f.Activations+a, f.Logits+logits
	}
	return f
}

// pass is how a graph runs, as far as its memory depends on it.
type pass struct {
	rows      int
	factor    int  // bytes of an element that only products read
	shared    bool // the layers' buffers, but for what each hands on
	chunked   bool // feed-forward blocks, which make gate and up again instead of keeping them
	inference bool
}

// activations returns the bytes of what a graph keeps, and of its logits.
func (p pass) activations(cfg model.Config) (kept, logits int64) {
	width, heads, kv := cfg.Width, cfg.Heads*cfg.HeadDim, cfg.KVHeads*cfg.HeadDim
	factors := p.factor * (2*width + heads + 2*kv + cfg.FFN) // normed inputs of both halves; queries, keys and values; inputs of down
	halves := heads + cfg.Heads + 2
	if cfg.QKNorm {
		halves += heads + kv + cfg.Heads + cfg.KVHeads
	}
	again := p.chunked && (p.inference || !p.shared)
	if !again {
		halves += 2 * cfg.FFN
	}
	if !p.shared {
		halves *= cfg.Layers
		factors *= cfg.Layers
	}
	perRow := halves + (2*cfg.Layers+2)*width // and what each operation hands on
	if !p.inference {
		perRow += width // the gradient on its way back
		perRow += heads + 2*kv + cfg.HeadDim + cfg.Heads
		factors += p.factor * (width + heads)
		if !p.chunked {
			perRow += max(0, cfg.FFN-heads-2*kv) + max(width, heads)
		}
		if again {
			factors += p.factor * 2 * cfg.FFN
		}
	}
	chunk := nn.ChunkRows(cfg.Vocab, p.rows)
	return int64(p.rows) * int64(4*perRow+factors), 4 * int64(chunk) * int64(cfg.Vocab+2*width)
}

// Beside predicts what a teacher that runs along takes, whose weights have that many bytes in their file.
func Beside(cfg model.Config, bytes int64, rows, length int) int64 {
	kept, logits := pass{rows: rows * length, factor: 4, shared: true, inference: true}.activations(cfg)
	return bytes + kept + logits
}

// adapterActivations returns the bytes of what adapters keep of a forward pass, and need in the backward pass.
func adapterActivations(cfg model.Config, l LoRA, n int) int64 {
	perRow := 2 * l.Rank // scratch of one
	for _, s := range cfg.Specs() {
		if l.targets(s.Name) {
			perRow += l.Rank
		}
	}
	if l.Dropout > 0 {
		perRow += max(cfg.FFN, cfg.Width, cfg.Heads*cfg.HeadDim)
	}
	return 4 * int64(n) * int64(perRow)
}

func elements(shape []int) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= int64(d)
	}
	return n
}

func adapterElements(cfg model.Config, l LoRA) (n int64) {
	for _, s := range cfg.Specs() {
		if l.targets(s.Name) {
			n += int64(l.Rank) * int64(s.Shape[0]+s.Shape[1])
		}
	}
	return n
}

// targets reports whether a weight has an adapter.
func (l LoRA) targets(weight string) bool {
	targets := l.Targets
	if targets == nil {
		targets = loraTargets
	}
	return slices.ContainsFunc(targets, func(t string) bool { return strings.HasSuffix(weight, "."+t+".weight") })
}

// FLOPs returns the floating-point operations of training on one token of a sequence of that length: 6 for each weight
// that a token is multiplied with, and the attention to the tokens before it.
func FLOPs(cfg model.Config, length int) float64 {
	weights := float64(cfg.Vocab) * float64(cfg.Width)
	for _, s := range cfg.Specs() {
		if len(s.Shape) == 2 && strings.HasPrefix(s.Name, "blk.") {
			weights += float64(elements(s.Shape))
		}
	}
	return 6*weights + 6*float64(cfg.Layers)*float64(length)*float64(cfg.Heads*cfg.HeadDim)
}
