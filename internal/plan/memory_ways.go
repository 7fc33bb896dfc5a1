package plan

import (
	"fmt"
	"slices"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// offer takes a change to the recipe that needs so many bytes, and reports whether it fits.
type offer func(need int64, format string, args ...any) bool

// waysOut lists changes to the recipe under which training fits, the least harmful first, each with what it needs.
func (m *Memory) waysOut(limit int64) []string {
	t, lora := m.recipe.Train, m.recipe.Student.LoRA
	var ways []string
	try := func(need int64, format string, args ...any) bool {
		if need <= limit {
			ways = append(ways, fmt.Sprintf(format, args...)+" ("+report.Bytes(need)+")")
		}
		return need <= limit
	}
	try(m.total(&t, lora, true), "train.recompute=true")
	if t.QAT != nil {
		plain := t
		plain.QAT = nil
		try(m.total(&plain, lora, true), "no train.qat")
	}
	m.smallerBatches(t, lora, "", try)
	if lora == nil && m.base > 0 {
		adapters := &config.LoRA{Rank: 16}
		if !try(m.total(&t, adapters, true), "student.lora.rank=16") {
			m.smallerBatches(t, adapters, "student.lora.rank=16, ", try)
		}
	}
	return slices.Compact(ways)
}

// smallerBatches offers the most rows that fit or, where one is too much, the longest sequence.
func (m *Memory) smallerBatches(t config.Train, lora *config.LoRA, with string, try offer) {
	for rows := t.Batch / 2; rows >= 1; rows /= 2 {
		smaller := t
		smaller.Batch = rows
		if try(m.total(&smaller, lora, true), "%strain.batch=%d and train.accumulate=%d, the same gradient", with, rows, t.Accumulate*t.Batch/rows) {
			return
		}
	}
	for length := t.Sequence(m.shape.Context) / 2; length >= 64; length /= 2 {
		shorter := t
		shorter.Seq = length
		if try(m.total(&shorter, lora, true), "%strain.seq=%d", with, length) {
			return
		}
		shorter.Batch = 1
		if try(m.total(&shorter, lora, true), "%strain.seq=%d and train.batch=1", with, length) {
			return
		}
	}
}
