package nn

import (
	"sync"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// rowTask is a pass over rows of matrices that the pool divides.
type rowTask struct {
	do   func(t *rowTask, row int)
	a, b kernel.Matrix
	v    []float32
	ids  []int32
}

// rowTasks keeps them between passes, so that no run allocates.
var rowTasks = sync.Pool{New: func() any { return new(rowTask) }}

// Do implements kernel.Task on blocks of rows.
func (t *rowTask) Do(block int) {
	for i := block * rowsPerTask; i < min(t.a.Rows, (block+1)*rowsPerTask); i++ {
		t.do(t, i)
	}
}

const rowsPerTask = 32

// eachRow runs w.do for every row of w.a.
func (e *Engine) eachRow(w rowTask) {
	t := rowTasks.Get().(*rowTask)
	*t = w
	e.Pool.Run((w.a.Rows+rowsPerTask-1)/rowsPerTask, t)
	*t = rowTask{}
	rowTasks.Put(t)
}

// copyMatrix copies src to dst, of one shape.
func (e *Engine) copyMatrix(dst, src kernel.Matrix) { e.eachRow(rowTask{do: copyRow, a: dst, b: src}) }

func copyRow(t *rowTask, i int) { copy(t.a.Row(i), t.b.Row(i)) }

// clearMatrix sets all elements to zero.
func (e *Engine) clearMatrix(m kernel.Matrix) { e.eachRow(rowTask{do: clearRow, a: m}) }

func clearRow(t *rowTask, i int) { clear(t.a.Row(i)) }

// copyTo copies row i of src to row ids[i] of dst.
func (e *Engine) copyTo(dst, src kernel.Matrix, ids []int32) {
	e.eachRow(rowTask{do: copyRowTo, a: src, b: dst, ids: ids})
}

func copyRowTo(t *rowTask, i int) { copy(t.b.Row(int(t.ids[i])), t.a.Row(i)) }

func addRow(t *rowTask, i int) {
	row := t.a.Row(i)
	kernel.Add(row, row, t.b.Row(i))
}

// addBias adds bias to every row of y.
func (e *Engine) addBias(y kernel.Matrix, bias []float32) {
	e.eachRow(rowTask{do: addToRow, a: y, v: bias})
}

func addToRow(t *rowTask, i int) {
	row := t.a.Row(i)
	kernel.Add(row, row, t.v)
}

// copyToHeads copies m, columns of a wider matrix, to a dense matrix of one head a row.
func (e *Engine) copyToHeads(heads, m kernel.Matrix) {
	e.eachRow(rowTask{do: copyToHeadsRow, a: m, b: heads})
}

func copyToHeadsRow(t *rowTask, i int) { copy(t.b.Data[i*t.a.Cols:], t.a.Row(i)) }

// copyFromHeads is copyToHeads the other way.
func (e *Engine) copyFromHeads(m, heads kernel.Matrix) {
	e.eachRow(rowTask{do: copyFromHeadsRow, a: m, b: heads})
}

func copyFromHeadsRow(t *rowTask, i int) { copy(t.a.Row(i), t.b.Data[i*t.a.Cols:]) }

// columnTask adds to v the sums of the columns of m, in the order of the rows.
type columnTask struct {
	m kernel.Matrix
	v []float32
}

const columnsPerTask = 64

// Do implements kernel.Task on blocks of columns.
func (t *columnTask) Do(block int) {
	lo, hi := block*columnsPerTask, min(t.m.Cols, (block+1)*columnsPerTask)
	for i := range t.m.Rows {
		kernel.Add(t.v[lo:hi], t.v[lo:hi], t.m.Row(i)[lo:hi])
	}
}

func (e *Engine) addColumnSums(v []float32, m kernel.Matrix) {
	e.columns = columnTask{m, v}
	e.Pool.Run((m.Cols+columnsPerTask-1)/columnsPerTask, &e.columns)
}
