package student

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/nn"
)

// Teacher is a model in this process that gives its whole distribution at every learnt position of a batch: set it as
// the batch's Teacher. Its logits, like the student's, exist for a chunk of positions at a time. It must know the
// student's tokens by the same ids.
type Teacher struct {
	s          *Student
	graphs     map[graphKey]*hiddenGraph
	now        *hiddenGraph
	projection nn.Projection
}

var _ nn.Teacher = (*Teacher)(nil)

// hiddenGraph is a graph without a head.
type hiddenGraph struct {
	graph
	out *G.Node
}

// NewTeacher returns a teacher over a student that is not trained meanwhile.
func NewTeacher(s *Student) *Teacher {
	return &Teacher{s: s, graphs: map[graphKey]*hiddenGraph{}, projection: nn.Projection{Output: s.output()}}
}

// Vocab implements nn.Teacher.
func (t *Teacher) Vocab() int { return t.s.cfg.Vocab }

// Begin implements nn.Teacher: it runs the batch's tokens up to the last norm.
func (t *Teacher) Begin(b *nn.Batch) error {
	if err := b.Check(t.s.cfg.Vocab); err != nil {
		return fmt.Errorf("student: teacher: %w", err)
	}
	key := graphKey{rows: b.Rows, length: b.Length}
	g := t.graphs[key]
	if g == nil {
		var err error
		if g, err = t.build(key); err != nil {
			return fmt.Errorf("student: teacher: %w", err)
		}
		t.graphs[key] = g
	}
	copy(g.tokens, b.Tokens)
	g.engine.Feed(b, nil, 0)
	if err := g.machine.RunAll(); err != nil {
		return fmt.Errorf("student: teacher: %w", err)
	}
	g.machine.Reset()
	t.now = g
	return nil
}

func (t *Teacher) build(key graphKey) (*hiddenGraph, error) {
	g := &hiddenGraph{graph: graph{engine: nn.NewEngine(t.s.pool, t.s.settings.precision, t.s.packs, key.rows, key.length)}}
	g.engine.Inference = true
	expr := G.NewGraph()
	var tokens *G.Node
	tokens, g.tokens = tokenInput(expr, "tokens", key.rows*key.length)
	var err error
	if g.out, err = t.s.hidden(&g.graph, nn.NewInputs(expr), tokens, key.length); err != nil {
		return nil, err
	}
	g.machine = G.NewTapeMachine(expr)
	return g, nil
}

// Close closes the student that the teacher is over.
func (t *Teacher) Close() {
	t.close()
	t.s.Close()
}

// close lets go of the teacher's graphs.
func (t *Teacher) close() {
	for _, g := range t.graphs {
		g.close()
	}
	t.graphs, t.now = map[graphKey]*hiddenGraph{}, nil
}

// Logits implements nn.Teacher.
func (t *Teacher) Logits(dst kernel.Matrix, rows []int32) {
	hidden := t.now.out.Value().Data().([]float32)
	width := t.s.cfg.Width
	t.projection.Logits(t.now.engine, dst, kernel.NewMatrix(hidden, len(hidden)/width, width), rows)
}

// layer returns what left a layer in the batch that was begun.
func (t *Teacher) layer(i int) kernel.Matrix {
	hidden := t.now.layers[i].Value().Data().([]float32)
	return kernel.NewMatrix(hidden, len(hidden)/t.s.cfg.Width, t.s.cfg.Width)
}
