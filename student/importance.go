package student

import (
	"fmt"
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
}

// Measure runs batches through the student and returns the importance of its parts.
func (s *Student) Measure(batches []*nn.Batch) (Importance, error) {
	im := Importance{Layers: make([]float64, s.cfg.Layers), Channels: make([]float64, s.cfg.Width)}
	for range s.cfg.Layers {
		im.Neurons = append(im.Neurons, make([]float64, s.cfg.FFN))
		im.Heads = append(im.Heads, make([]float64, s.cfg.Heads))
	}
	entered := []float32(nil) // what entered the layer that is being run
	rows := 0
	err := s.withWatcher(func(layer int, attention bool, in, out, normed, inner kernel.Matrix) {
		addMagnitudes(im.Channels, normed)
		if attention {
			entered = append(entered[:0], in.Data...)
			addHeadNorms(im.Heads[layer], inner, s.cfg.HeadDim)
			return
		}
		addMagnitudes(im.Neurons[layer], inner)
		im.Layers[layer] += sumCosineDistance(kernel.NewMatrix(entered, in.Rows, in.Cols), out)
	}, func() error {
		for i, b := range batches {
			if _, err := s.Evaluate(b, noLoss{}); err != nil {
				return fmt.Errorf("student: measure batch %d: %w", i, err)
			}
			rows += b.Rows * b.Length
		}
		return nil
	})
	if err != nil {
		return im, err
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

// weighReaders multiplies each part's sum with the norm of the columns of a projection that read it.
func (s *Student) weighReaders(sums []float64, name string, columns int) {
	p := s.byName[name]
	w, wide := p.Data(), p.Shape()[1]
	squares := make([]float64, len(sums))
	for i, v := range w {
		squares[i%wide/columns] += float64(v) * float64(v)
	}
	for i := range sums {
		sums[i] *= math.Sqrt(squares[i])
	}
}

// withWatcher runs f on graphs of its own, whose activations watch sees.
func (s *Student) withWatcher(watch watcher, f func() error) error {
	graphs := s.graphs
	s.graphs, s.watch = map[graphKey]*graph{}, watch
	defer func() {
		for _, g := range s.graphs {
			g.close()
		}
		s.graphs, s.watch = graphs, nil
	}()
	return f()
}

// noLoss is for passes that are run for their activations.
type noLoss struct{}

func (noLoss) Row([]float32, nn.Target, float32) nn.Value { return nn.Value{} }

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
