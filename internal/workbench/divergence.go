package workbench

import (
	"math"

	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// Divergence returns KL(p‖q) in nats, where p and q are the softmax of teacher and student logits, over the tokens that
// both vocabularies have, and whether both put the same token first. scratch has the teacher's length.
//
//	Σ_v p(v)·(log p(v) − log q(v))
func Divergence(scratch, teacher, student []float32, studentLogSum float32) (kl float64, agree bool) {
	logSum := kernel.LogSumExp(teacher, 1, scratch)
	kernel.ExpShifted(scratch, teacher, 1, logSum)
	n := min(len(teacher), len(student))
	best, bestStudent := 0, 0
	for v := range n {
		kl += float64(scratch[v]) * float64((teacher[v]-logSum)-(student[v]-studentLogSum))
		if teacher[v] > teacher[best] {
			best = v
		}
		if student[v] > student[bestStudent] {
			bestStudent = v
		}
	}
	return math.Max(0, kl), best == bestStudent
}
