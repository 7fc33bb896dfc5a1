package recipe

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/report"
	"github.com/seed-d24fde5f/distill/internal/workbench"
	"github.com/seed-d24fde5f/distill/student"
)

// room is what the training of a student is predicted from.
type room struct {
	run    *Run
	cfg    model.Config
	base   int64   // bytes of the model that the student starts from, as it lies; 0 from scratch
	hidden int     // width of the teacher whose hidden states are matched; 0 for none
	beside int64   // bytes of what is in the process beside the student
	work   float64 // what a step takes with that, as a multiple of one without
	cut    int64   // bytes that measuring takes which parts of a model are kept, before training; 0 where nothing is cut
}

// roomOf prepares predictions for a student of that shape.
func (r *Run) roomOf(cfg model.Config) (*room, error) {
	m := &room{run: r, cfg: cfg}
	var err error
	if m.beside, m.work, err = r.beside(cfg, r.sequence(&r.Recipe.Train, cfg)); err != nil {
		return nil, err
	}
	if r.Recipe.Train.Hidden != nil {
		t, err := workbench.Open(r.teacherModel())
		if err != nil {
			return nil, err
		}
		m.hidden = t.Width
		t.Close()
	}
	from := r.origin()
	if from == "scratch" {
		return m, nil
	}
	base, err := workbench.Open(from)
	if err != nil {
		return nil, err
	}
	defer base.Close()
	m.base = base.Bytes()
	if r.Recipe.Student.Cut != nil {
		m.cut = student.Beside(base.Config, m.base, r.Recipe.Train.Batch, r.sequence(&r.Recipe.Train, base.Config)) + 4*int64(cfg.Params())
		m.base = 4 * int64(cfg.Params()) // what is left is kept in float32
	}
	return m, nil
}

// sequence returns the length of a training sequence.
func (r *Run) sequence(t *config.Train, cfg model.Config) int {
	if t.Seq == 0 || t.Seq > cfg.Context {
		return cfg.Context
	}
	return t.Seq
}

// needs predicts the memory of a training with these settings: of the phase that takes most.
func (m *room) needs(t *config.Train, lora *config.LoRA, recompute bool) student.Footprint {
	load := student.Load{Rows: t.Batch, Length: m.run.sequence(t, m.cfg), BF16: m.run.precision() == "bf16", Recompute: recompute,
		EMA: t.EMA > 0, Muon: t.Optimizer.Kind == "muon"}
	load.Hidden = m.hidden
	if m.run.Recipe.Prompts.Heldout > 0 {
		load.HeldoutRows = t.Batch
	}
	settling := load // the last phase, in which all weights are learnt
	settling.Rounded = true
	if lora != nil {
		load.LoRA = &student.LoRA{Rank: lora.Rank, Targets: lora.Targets, Dropout: lora.Dropout}
		load.Base = m.base
	}
	most := student.Memory(m.cfg, load)
	if t.QAT != nil {
		if f := student.Memory(m.cfg, settling); f.Total() > most.Total() {
			most = f
		}
	}
	return most
}

// total is needs with what is beside the student, or what comes before it if that is more, in bytes.
func (m *room) total(t *config.Train, lora *config.LoRA, recompute bool) int64 {
	f := m.needs(t, lora, recompute)
	return max(f.Total()+m.beside, m.cut)
}

// limit returns the memory that training may take, 0 where nobody knows.
func (r *Run) limit() int64 {
	if mb := r.Recipe.Train.Memory; mb > 0 {
		return mb * 1e6
	}
	return host.AvailableMemory()
}

// recompute reports whether activations are computed again instead of being kept: as the recipe says, or where they would
// not fit.
func (m *room) recompute() bool {
	t := &m.run.Recipe.Train
	if t.Recompute != nil {
		return *t.Recompute
	}
	limit := m.run.limit()
	return limit > 0 && m.total(t, m.run.Recipe.Student.LoRA, false) > limit
}

// check refuses a training that will not fit, and names what would.
func (m *room) check() error {
	t, limit := &m.run.Recipe.Train, m.run.limit()
	need := m.total(t, m.run.Recipe.Student.LoRA, m.recompute())
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
		report.Bytes(need), t.Batch, m.run.sequence(t, m.cfg), report.Bytes(limit), whose)
}

// waysOut lists changes to the recipe under which training fits, the least harmful first, each with what it needs.
func (m *room) waysOut(limit int64) []string {
	t, s := m.run.Recipe.Train, &m.run.Recipe.Student
	var ways []string
	offer := func(need int64, format string, args ...any) bool {
		if need <= limit {
			ways = append(ways, fmt.Sprintf(format, args...)+" ("+report.Bytes(need)+")")
		}
		return need <= limit
	}
	offer(m.total(&t, s.LoRA, true), "train.recompute=true")
	if t.QAT != nil {
		plain := t
		plain.QAT = nil
		offer(m.total(&plain, s.LoRA, true), "no train.qat")
	}
	adapters := s.LoRA
	if adapters == nil && m.base > 0 {
		adapters = &config.LoRA{Rank: 16}
	}
	for _, c := range []struct {
		lora *config.LoRA
		with string
	}{{s.LoRA, ""}, {adapters, "student.lora.rank=16, "}} {
		if c.lora == nil && c.with != "" || c.with != "" && s.LoRA != nil {
			continue
		}
		if c.with != "" && offer(m.total(&t, c.lora, true), "student.lora.rank=16") {
			continue
		}
		if !m.fewerRows(t, c.lora, c.with, offer) {
			m.shorterRows(t, c.lora, c.with, offer)
		}
	}
	return slices.Compact(ways)
}

// fewerRows offers the largest batch that fits, with the accumulation that keeps the gradient the same.
func (m *room) fewerRows(t config.Train, lora *config.LoRA, with string, offer func(int64, string, ...any) bool) bool {
	for rows := t.Batch / 2; rows >= 1; rows /= 2 {
		smaller := t
		smaller.Batch = rows
		if offer(m.total(&smaller, lora, true), "%strain.batch=%d and train.accumulate=%d, the same gradient", with, rows, t.Accumulate*t.Batch/rows) {
			return true
		}
	}
	return false
}

// shorterRows offers the longest sequence that fits.
func (m *room) shorterRows(t config.Train, lora *config.LoRA, with string, offer func(int64, string, ...any) bool) {
	for length := m.run.sequence(&t, m.cfg) / 2; length >= 64; length /= 2 {
		shorter := t
		shorter.Seq = length
		if offer(m.total(&shorter, lora, true), "%strain.seq=%d", with, length) {
			return
		}
		shorter.Batch = 1
		if offer(m.total(&shorter, lora, true), "%strain.seq=%d and train.batch=1", with, length) {
			return
		}
	}
}

// boundGarbage lets the collector run as often as the prediction of memory supposes, until restore is called. Who has set
// GOGC is left alone.
func (r *Run) boundGarbage() (restore func(), err error) {
	if os.Getenv("GOGC") != "" {
		return func() {}, nil
	}
	cfg, err := r.studentShape()
	if err != nil {
		return nil, err
	}
	m, err := r.roomOf(cfg)
	if err != nil {
		return nil, err
	}
	debug.FreeOSMemory() // of the stages before
	before := debug.SetGCPercent(m.needs(&r.Recipe.Train, r.Recipe.Student.LoRA, m.recompute()).GCPercent(m.beside))
	return func() { debug.SetGCPercent(before) }, nil
}

// foreseeMemory refuses at the beginning a training that will not fit at the end.
func (r *Run) foreseeMemory(names []string) error {
	at := r.state.Stages["train"]
	if len(names) > 0 && !slices.Contains(names, "train") || at != nil && at.State == done {
		return nil
	}
	cfg, err := r.studentShape()
	if err != nil {
		return err
	}
	m, err := r.roomOf(cfg)
	if err != nil {
		return err
	}
	return m.check()
}
