package student

import (
	"fmt"
	"iter"
	"math"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Importance says how much of what a model does each of its parts carries, measured on the activations of some data. All
// numbers are only good for comparison with their like. Sources: Men et al. 2024, arXiv:2403.03853 (layers); Muralidharan
// et al. 2024, arXiv:2407.14679, section 2.2 (the others).
type Importance struct {
	Layers   []float64   // 1 − mean cosine of what enters and leaves a layer
	Channels []float64   // (C) mean magnitude in the normed inputs of all halves
	Neurons  [][]float64 // (layers, F) mean magnitude of the feed-forward neurons, times the norm of what reads them
	Heads    [][]float64 // (layers, H) mean norm of the heads' outputs, likewise

	// Squares are the sums of squares of the residual stream at each norm, by the name of its weight, (C) each: a model of
	// fewer channels has another mean square, which the weights of its norms make up for.
	Squares map[string][]float64
}

// Measure runs batches through the student and returns the importance of its parts.
func (s *Student) Measure(batches iter.Seq[*nn.Batch]) (Importance, error) {
	im := Importance{Layers: make([]float64, s.cfg.Layers), Channels: make([]float64, s.cfg.Width), Squares: map[string][]float64{}}
	for range s.cfg.Layers {
		im.Neurons = append(im.Neurons, make([]float64, s.cfg.FFN))
		im.Heads = append(im.Heads, make([]float64, s.cfg.Heads))
	}
	entered := []float32(nil) // what entered the layer that is being run
	s.watch = func(layer int, attention bool, in, out, normed, inner kernel.Matrix) {
		addMagnitudes(im.Channels, normed)
		if attention {
			entered = append(entered[:0], in.Data...)
			im.addSquares(fmt.Sprintf("blk.%d.attn_norm.weight", layer), in)
			addHeadNorms(im.Heads[layer], inner, s.cfg.HeadDim)
			return
		}
		im.addSquares(fmt.Sprintf("blk.%d.ffn_norm.weight", layer), in)
		if layer == s.cfg.Layers-1 {
			im.addSquares("output_norm.weight", out)
		}
		addMagnitudes(im.Neurons[layer], inner)
		im.Layers[layer] += sumCosineDistance(kernel.NewMatrix(entered, in.Rows, in.Cols), out)
	}
	pass := NewTeacher(s) // its graphs end below the head, and are made while the watcher is set
	defer func() {
		pass.close()
		s.watch = nil
	}()
	rows := 0
	for b := range batches {
		if err := pass.Begin(b); err != nil {
			return im, fmt.Errorf("student: measure: %w", err)
		}
		rows += b.Rows * b.Length
	}
	if rows == 0 {
		return im, fmt.Errorf("student: importance needs data: %w", nn.ErrAllMasked)
	}
	for i := range im.Layers {
		im.Layers[i] /= float64(rows)
		s.weighReaders(im.Neurons[i], fmt.Sprintf("blk.%d.ffn_down.weight", i), 1)
		s.weighReaders(im.Heads[i], fmt.Sprintf("blk.%d.attn_output.weight", i), s.cfg.HeadDim)
	}
	return im, nil
}

// addSquares adds Σ x² over the rows to each channel's sum at one norm.
func (im *Importance) addSquares(norm string, m kernel.Matrix) {
	sums := im.Squares[norm]
	if sums == nil {
		sums = make([]float64, m.Cols)
		im.Squares[norm] = sums
	}
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			sums[j] += float64(v) * float64(v)
		}
	}
}

// normScales returns what each norm's weight is to be multiplied with when only some channels are left, so that what
// comes out of it stays at its scale: the root of their mean square over that of all.
func (im *Importance) normScales(channels []int) map[string]float32 {
	scales := map[string]float32{}
	for name, squares := range im.Squares {
		var all, kept float64
		for _, v := range squares {
			all += v
		}
		for _, c := range channels {
			kept += squares[c]
		}
		if all > 0 {
			scales[name] = float32(math.Sqrt(kept / float64(len(channels)) / (all / float64(len(squares)))))
		}
	}
	return scales
}

// weighReaders multiplies each part's sum with the norm of the columns of a projection that read it.
func (s *Student) weighReaders(sums []float64, name string, columns int) {
	p := s.byName[name]
	row := make([]float32, p.Shape()[1])
	squares := make([]float64, len(sums))
	for r := range p.Shape()[0] {
		p.Rows(row, r, r+1)
		for i, v := range row {
			squares[i/columns] += float64(v) * float64(v)
		}
	}
	for i := range sums {
		sums[i] *= math.Sqrt(squares[i])
	}
}

// addMagnitudes adds Σ |x| over the rows to each column's sum.
func addMagnitudes(sums []float64, m kernel.Matrix) {
	for i := range m.Rows {
		for j, v := range m.Row(i) {
			sums[j] += math.Abs(float64(v))
		}
	}
}

// addHeadNorms adds the norms of the heads' outputs, D columns each, to each head's sum.
func addHeadNorms(sums []float64, m kernel.Matrix, headDim int) {
	for i := range m.Rows {
		row := m.Row(i)
		for h := range sums {
			part := row[h*headDim : (h+1)*headDim]
			sums[h] += math.Sqrt(float64(kernel.Dot(part, part)))
		}
	}
}

// sumCosineDistance returns Σ over the rows of 1 − cos(a, b).
func sumCosineDistance(a, b kernel.Matrix) (sum float64) {
	for i := range a.Rows {
		x, y := a.Row(i), b.Row(i)
		norms := math.Sqrt(float64(kernel.Dot(x, x)) * float64(kernel.Dot(y, y)))
		sum += 1 - float64(kernel.Dot(x, y))/math.Max(norms, 1e-30)
	}
	return sum
}
