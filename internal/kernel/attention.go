package kernel

import "math"

// Attention describes causal grouped-query attention over packed sequences.
//
// Rows are the N positions of all sequences one after another. Row i attends rows Start[i] … i; rows
// of one sequence share the Start of its first row, and Start never decreases. Query head h reads KV
// head h / (Heads/KVHeads).
//
// Queries and outputs have shape (N, Heads·HeadDim), keys and values (N, KVHeads·HeadDim); all may
// be column blocks of wider matrices. No T×T matrix is kept: the backward pass recomputes
// probabilities in tiles from LSE (Dao et al. 2022, arXiv:2205.14135).
type Attention struct {
	Heads, KVHeads, HeadDim int
	Start                   []int32
	Precision               Precision
}

// Forward computes, for every row i and head,
//
//	s_j = q_i·k_j / √D for Start[i] ≤ j ≤ i,   lse_i = log Σ_j exp(s_j),   out_i = Σ_j exp(s_j − lse_i) · v_j
//
// lse has shape (Heads, N) and is what Backward needs.
func (a Attention) Forward(p *Pool, out, q, k, v Matrix, lse []float32) {
	a.check(q, k, v, lse)
	out.checkShape(q.Rows, q.Cols)
	scale := float32(1 / math.Sqrt(float64(a.HeadDim)))
	d, n := a.HeadDim, q.Rows
	p.For(a.Heads*n, func(item int) {
		h, i := item/n, item%n
		kv := h / (a.Heads / a.KVHeads)
		lo := int(a.Start[i])
		s := make([]float32, i+1-lo)
		qi := q.Row(i)[h*d:][:d]
		for j := range s {
			s[j] = Dot(qi, k.Row(lo + j)[kv*d:][:d])
		}
		lse[h*n+i] = Softmax(s, s, scale)
		o := out.Row(i)[h*d:][:d]
		clear(o)
		for j, pj := range s {
			Axpy(o, pj, v.Row(lo + j)[kv*d:][:d])
		}
	})
}

// Backward computes the gradients of Forward from dout, with P_ij = exp(s_ij − lse_i):
//
//	dv_j = Σ_i P_ij dout_i;  dS_ij = P_ij (dout_i·v_j − dout_i·out_i) / √D;  dq_i = Σ_j dS_ij k_j;  dk_j = Σ_i dS_ij q_i
//
// out and lse are those of Forward. dq, dk and dv are overwritten and must not overlap the inputs.
func (a Attention) Backward(p *Pool, dq, dk, dv, dout, out, q, k, v Matrix, lse []float32) {
	a.check(q, k, v, lse)
	for _, m := range [...]Matrix{dq, dout, out} {
		m.checkShape(q.Rows, q.Cols)
	}
	dk.checkShape(k.Rows, k.Cols)
	dv.checkShape(k.Rows, k.Cols)
	scale := float32(1 / math.Sqrt(float64(a.HeadDim)))
	d, n, group := a.HeadDim, q.Rows, a.Heads/a.KVHeads
	p.For(a.KVHeads, func(kv int) {
		for j := range n {
			clear(dk.Row(j)[kv*d:][:d])
			clear(dv.Row(j)[kv*d:][:d])
		}
		for h := kv * group; h < (kv+1)*group; h++ {
			for i := range n {
				qi, doi, dqi := q.Row(i)[h*d:][:d], dout.Row(i)[h*d:][:d], dq.Row(i)[h*d:][:d]
				delta := Dot(doi, out.Row(i)[h*d:][:d])
				clear(dqi)
				for j := int(a.Start[i]); j <= i; j++ {
					kj, vj := k.Row(j)[kv*d:][:d], v.Row(j)[kv*d:][:d]
					pij := float32(math.Exp(float64(scale*Dot(qi, kj) - lse[h*n+i])))
					ds := pij * (Dot(doi, vj) - delta) * scale
					Axpy(dv.Row(j)[kv*d:][:d], pij, doi)
					Axpy(dqi, ds, kj)
					Axpy(dk.Row(j)[kv*d:][:d], ds, qi)
				}
			}
		}
	})
}

func (a Attention) check(q, k, v Matrix, lse []float32) {
	q.checkShape(len(a.Start), a.Heads*a.HeadDim)
	k.checkShape(len(a.Start), a.KVHeads*a.HeadDim)
	v.checkShape(len(a.Start), a.KVHeads*a.HeadDim)
	if len(lse) != a.Heads*q.Rows {
		panic(errLength)
	}
	if a.KVHeads == 0 || a.Heads%a.KVHeads != 0 {
		panic(errShape)
	}
}
