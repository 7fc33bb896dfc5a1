package student

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Matching pulls what leaves the student's layers towards what leaves layers of a teacher in the process, through learnt
// projections that are not exported. It adds Factor · Σ weight · distance to the loss of training.
type Matching struct {
	Teacher  *Teacher
	Pairs    [][2]int // student's layer and teacher's, from 0; nil matches the student's layers to evenly spaced ones
	Distance Distance // MeanSquare or Cosine; empty means Cosine
	Factor   float64  // 0 means 1
	Seed     uint64   // of the projections
}

// Distance is how far a projected hidden state is from the teacher's.
type Distance = nn.Distance

// The distances of Matching.
const (
	MeanSquare = nn.MeanSquare
	Cosine     = nn.Cosine
)

// WithMatching matches hidden states during training. Batches must name the same teacher as their Teacher.
func WithMatching(m Matching) Option { return func(s *settings) { s.matching = &m } }

// matchings makes the projections.
func (s *Student) matchings() error {
	m := s.settings.matching
	if m == nil {
		return nil
	}
	if m.Factor == 0 {
		m.Factor = 1
	}
	if m.Distance == "" {
		m.Distance = Cosine
	}
	depth := m.Teacher.s.cfg.Layers
	if m.Pairs == nil {
		for layer := range s.cfg.Layers {
			m.Pairs = append(m.Pairs, [2]int{layer, (layer+1)*depth/s.cfg.Layers - 1})
		}
	}
	for _, pair := range m.Pairs {
		if pair[0] < 0 || pair[0] >= s.cfg.Layers || pair[1] < 0 || pair[1] >= depth {
			return fmt.Errorf("student: layers %v cannot be matched: %d layers and %d of the teacher", pair, s.cfg.Layers, depth)
		}
		p := nn.NewParam(projectionName(pair), false, m.Teacher.s.cfg.Width, s.cfg.Width)
		normal(p.Data(), p.Name(), m.Seed, deviation)
		p.Changed()
		s.add(p)
	}
	return nil
}

func projectionName(pair [2]int) string { return fmt.Sprintf("match.%d.%d.weight", pair[0], pair[1]) }

// match adds the distances of one layer's output to the graph.
func (s *Student) match(g *graph, in nn.Inputs, layer int, x *G.Node) error {
	m := s.settings.matching
	if m == nil || g.engine.Inference {
		return nil
	}
	for _, pair := range m.Pairs {
		if pair[0] != layer {
			continue
		}
		op := &nn.Match{Projection: s.byName[projectionName(pair)], Distance: m.Distance, Factor: m.Factor,
			Teacher: func() kernel.Matrix { return m.Teacher.layer(pair[1]) }}
		n, err := op.Apply(g.engine, in, x)
		if err != nil {
			return err
		}
		g.matches = append(g.matches, op)
		g.distances = append(g.distances, n)
	}
	return nil
}
