package plan

import (
	"strings"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// Memory predicts what the training of a student takes of memory.
type Memory struct {
	recipe *config.Recipe
	shape  model.Config
	beside beside
	base   int64 // bytes of the model that the student starts from, as it lies; 0 from scratch
	hidden int   // width of the teacher whose hidden states are matched; 0 for none
	cut    int64 // bytes that measuring takes which parts of a model are kept, before training; 0 where nothing is cut
}

// MemoryOf prepares predictions for the training of a student of that shape.
func MemoryOf(r *config.Recipe, shape model.Config) (*Memory, error) {
	m, models := &Memory{recipe: r, shape: shape}, ModelsOf(r)
	var err error
	if m.beside, err = besideOf(&r.Train, models.Teacher, shape); err != nil {
		return nil, err
	}
	if r.Train.Hidden != nil {
		t, err := workbench.Open(models.Teacher)
		if err != nil {
			return nil, err
		}
		m.hidden = t.Width
		t.Close()
	}
	if models.Origin == Scratch {
		return m, nil
	}
	from, err := workbench.Open(models.Origin)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	m.base = from.Bytes()
	if r.Student.Cut != nil {
		m.cut = student.Beside(from.Config, m.base, r.Train.Batch, r.Train.Sequence(from.Context)) + 4*int64(shape.Params())
		m.base = 4 * int64(shape.Params()) // what is left is kept in float32
	}
	return m, nil
}

// CheckMemory refuses a recipe whose training will not fit.
func CheckMemory(r *config.Recipe) error {
	shape, err := ModelsOf(r).Shape(r)
	if err != nil {
		return err
	}
	m, err := MemoryOf(r, shape)
	if err != nil {
		return err
	}
	return m.Check()
}

// limit returns the memory that training may take, 0 where nobody knows.
func (m *Memory) limit() int64 {
	if mb := m.recipe.Train.Memory; mb > 0 {
		return mb * 1e6
	}
	return host.AvailableMemory()
}

// Recompute reports whether activations are computed again instead of being kept: as the recipe says, or where they would
// not fit.
func (m *Memory) Recompute() bool {
	t := &m.recipe.Train
	if t.Recompute != nil {
		return *t.Recompute
	}
	limit := m.limit()
	return limit > 0 && m.total(t, m.recipe.Student.LoRA, false) > limit
}

// GCPercent is what the collector is set to, so that it runs as often as the prediction supposes.
func (m *Memory) GCPercent() int {
	return m.footprint(&m.recipe.Train, m.recipe.Student.LoRA, m.Recompute()).GCPercent(m.beside.bytes)
}

// Check refuses a training that will not fit, and names what would.
func (m *Memory) Check() error {
	t, limit := &m.recipe.Train, m.limit()
	need := m.total(t, m.recipe.Student.LoRA, m.Recompute())
	if limit == 0 || need <= limit {
		return nil
	}
	whose := "are available"
	if t.Memory > 0 {
		whose = "is what train.memory allows"
	}
	out := "nothing short of a smaller student would fit"
	if ways := m.waysOut(limit); len(ways) > 0 {
		out = "what would fit: " + strings.Join(ways, "; ")
	}
	return hint.Errorf(out, "training needs about %s of memory for batches of %d×%d tokens, and %s %s",
		report.Bytes(need), t.Batch, t.Sequence(m.shape.Context), report.Bytes(limit), whose)
}

// footprint predicts the memory of a training with these settings: of the phase that takes most.
func (m *Memory) footprint(t *config.Train, lora *config.LoRA, recompute bool) student.Footprint {
	load := student.Load{Rows: t.Batch, Length: t.Sequence(m.shape.Context), BF16: Precision(t) == "bf16", Recompute: recompute,
		EMA: t.EMA > 0, Muon: t.Optimizer.Kind == "muon", Hidden: m.hidden}
	if m.recipe.Prompts.Heldout > 0 {
		load.HeldoutRows = t.Batch
	}
	settling := load // the last phase, in which all weights are learnt
	settling.Rounded = true
	if lora != nil {
		load.LoRA = &student.LoRA{Rank: lora.Rank, Targets: lora.Targets, Dropout: lora.Dropout}
		load.Base = m.base
	}
	most := student.Memory(m.shape, load)
	if t.QAT != nil {
		if f := student.Memory(m.shape, settling); f.Total() > most.Total() {
			most = f
		}
	}
	return most
}

// total is the footprint with what is beside the student, or what comes before it if that is more, in bytes.
func (m *Memory) total(t *config.Train, lora *config.LoRA, recompute bool) int64 {
	f := m.footprint(t, lora, recompute)
	return max(f.Total()+m.beside.bytes, m.cut)
}
