// Package distill is the vocabulary of a teacher–student distillation pipeline: the handful of types that every
// other package speaks.
//
// A [Prompt] is asked of a teacher, who answers with a [Completion]; both together, with an identity, are a [Row]
// of a dataset. A [Signal] is what the teacher thought of each position beyond the token it chose: the part of its
// distribution that was kept. The packages built on these words are:
//
//   - teacher: who knows. Remote servers, weights on disk, and a small model inside the binary.
//   - dataset: what is learnt. Arrow shards with a ledger, import and export, selection, packing.
//   - student: who learns. A Llama or Qwen architecture as a gorgonia graph, and its export.
//   - train: how. The loop, losses, optimizers, schedules, checkpoints.
//
// The command cmd/distill joins them; none of them needs it. This package imports nothing of the project and holds
// no behaviour beyond what keeps its types consistent.
package distill
