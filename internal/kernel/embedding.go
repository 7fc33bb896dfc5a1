package kernel

// Gather copies rows of a table (V, C): dst row i is table row ids[i]; dst has shape (len(ids), C).
func Gather(p *Pool, dst, table Matrix, ids []int32) {
	dst.checkShape(len(ids), table.Cols)
	table.check()
	t := embeddingTasks.get()
	*t = embeddingTask{rows: dst, table: table, ids: ids}
	p.Run(blockCount(len(ids), gatherRows), (*gather)(t))
	*t = embeddingTask{}
	embeddingTasks.put(t)
}

// ScatterAdd is the gradient of Gather: dtable row ids[i] += dy row i, in the order of i for every
// element, so the result does not depend on the number of threads.
func ScatterAdd(p *Pool, dtable Matrix, ids []int32, dy Matrix) {
	dy.checkShape(len(ids), dtable.Cols)
	dtable.check()
	t := embeddingTasks.get()
	*t = embeddingTask{rows: dy, table: dtable, ids: ids}
	p.Run(blockCount(dtable.Cols, scatterColumns), (*scatter)(t))
	*t = embeddingTask{}
	embeddingTasks.put(t)
}

const (
	gatherRows     = 64 // rows per task
	scatterColumns = 64 // columns per task: rows may repeat, columns do not
)

type embeddingTask struct {
	rows, table Matrix
	ids         []int32
}

var embeddingTasks = newRecycler[embeddingTask]()

type gather embeddingTask

func (t *gather) Do(item int) {
	lo, hi := blockRange(item, gatherRows, len(t.ids))
	for i := lo; i < hi; i++ {
		copy(t.rows.Row(i), t.table.Row(int(t.ids[i])))
	}
}

type scatter embeddingTask

func (t *scatter) Do(item int) {
	lo, hi := blockRange(item, scatterColumns, t.table.Cols)
	for i, id := range t.ids {
		active.axpy(t.table.Row(int(id))[lo:hi], 1, t.rows.Row(i)[lo:hi])
	}
}
