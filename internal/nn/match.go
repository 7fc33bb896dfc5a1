package nn

import (
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Distance is how far a projected hidden state is from a teacher's.
type Distance string

// The distances.
const (
	MeanSquare Distance = "mse"    // Σ (y − t)² / C of the teacher (FitNets, arXiv:1412.6550)
	Cosine     Distance = "cosine" // 1 − cos(y, t)
)

// Match pulls hidden states x (N, C) to those of a teacher in this process: its value is
//
//	scale · Factor · Σ_i weight_i · distance(x_i·Projectionᵀ, teacher_i)
//
// with a learnt Projection (C of the teacher, C). It is added to the head's loss.
type Match struct {
	Projection *Param
	Distance   Distance
	Factor     float64
	Teacher    func() kernel.Matrix // (N, C of the teacher), for the batch that is being run

	e     *Engine
	y, dx *tensor.Dense // y holds the gradient of the projected states after Forward
	rows  []float64
	loss  G.F32
	sum   float64
	grads []G.Value
}

// Apply adds the match to the graph.
func (m *Match) Apply(e *Engine, in Inputs, x *G.Node) (*G.Node, error) {
	if m.Distance != MeanSquare && m.Distance != Cosine {
		return nil, fmt.Errorf("nn: distance %q is neither %s nor %s", m.Distance, MeanSquare, Cosine)
	}
	m.e = e
	return in.apply("match", m, tensor.ScalarShape(), x, Params{m.Projection})
}

// Sum returns Σ weight · distance of the last run, without Factor.
func (m *Match) Sum() float64 { return m.sum }

// Forward implements Function.
func (m *Match) Forward(in []G.Value) (G.Value, error) {
	x := dense(data(in[0]), m.e.rows)
	y := dense(data(growTensor(&m.y, x.Rows, m.Projection.Shape()[0])), x.Rows)
	kernel.GemmNT(m.e.Pool, m.e.Precision, y, x, m.Projection.matrix(m.Projection.Data()), false)
	if m.rows == nil {
		m.rows = make([]float64, x.Rows)
	}
	teacher := m.Teacher()
	m.e.Pool.For(x.Rows, func(i int) { m.rows[i] = m.row(y.Row(i), teacher.Row(i), float64(m.e.batch.Weights[i])) })
	m.sum = 0
	for _, v := range m.rows {
		m.sum += v
	}
	m.loss = G.F32(float64(m.e.scale) * m.Factor * m.sum)
	return &m.loss, nil
}

// row returns weight times the distance, and overwrites y with the gradient of the value.
func (m *Match) row(y, t []float32, weight float64) float64 {
	c := float64(m.e.scale) * m.Factor * weight
	if m.Distance == MeanSquare {
		var sum float64
		for i := range y {
			d := y[i] - t[i]
			sum += float64(d) * float64(d)
			y[i] = float32(2*c/float64(len(y))) * d
		}
		return weight * sum / float64(len(y))
	}
	yt, yy, tt := float64(kernel.Dot(y, t)), float64(kernel.Dot(y, y)), float64(kernel.Dot(t, t))
	size := math.Max(math.Sqrt(yy*tt), 1e-12)
	cos := yt / size
	a, b := float32(-c/size), float32(c*cos/math.Max(yy, 1e-12))
	for i := range y {
		y[i] = a*t[i] + b*y[i]
	}
	return weight * (1 - cos)
}

// Backward implements Function.
func (m *Match) Backward(in []G.Value, _, _ G.Value) ([]G.Value, error) {
	x, dy := dense(data(in[0]), m.e.rows), dense(data(m.y), m.e.rows)
	dx := growTensor(&m.dx, x.Rows, x.Cols)
	kernel.GemmNN(m.e.Pool, m.e.Precision, dense(data(dx), x.Rows), dy, m.Projection.matrix(m.Projection.Data()), false)
	if !m.Projection.Frozen() {
		kernel.GemmTN(m.e.Pool, m.e.Precision, m.Projection.matrix(m.Projection.GradData()), dy, x, true)
	}
	m.grads = grads(m.grads, dx, Params{m.Projection})
	return m.grads, nil
}
