package infer

import (
	"sync"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/kernel"
)

// stepper takes running slots one step further.
//
// With at least two slots for every thread and a small model, each thread takes its share of the slots through the whole
// model on its own: no thread waits for another within the step, which is what a model of a million weights would
// spend its time on. Otherwise all slots go through together and every product is divided.
type stepper struct {
	m      *Model
	parts  []part
	spaces []*workspace

	distributions sync.Pool // *distribution
}

// part is the share of one thread.
type part struct {
	slots []*slot
	spans []span
}

// smallModel is the size of packed weights, in bytes, up to which every thread walks all of them by itself.
const smallModel = 8 << 20

// step runs one batch: prompts by pieces of at most maxRows in all, every other slot by one token.
func (st *stepper) step(running []*slot) {
	live := running[:0]
	for _, s := range running {
		if err := s.job.ctx.Err(); err != nil {
			s.finish(err)
			continue
		}
		live = append(live, s)
	}
	if len(live) == 0 {
		return
	}
	threads := st.m.pool.Threads()
	if threads > 1 && len(live) >= 2*threads && st.m.bytes <= smallModel {
		st.divide(live, threads)
		st.m.pool.Run(len(st.parts), st)
		return
	}
	st.divide(live, 1)
	st.runPart(0, st.m.pool)
}

// Do runs one thread's share.
func (st *stepper) Do(i int) { st.runPart(i, nil) }

// divide deals the slots out to n parts, by the tokens they have waiting.
func (st *stepper) divide(live []*slot, n int) {
	for len(st.spaces) < n {
		st.spaces = append(st.spaces, new(workspace))
	}
	st.parts = resize(&st.parts, n)
	rows := make([]int, n)
	for i := range st.parts {
		st.parts[i].slots, st.parts[i].spans = st.parts[i].slots[:0], st.parts[i].spans[:0]
	}
	for _, s := range live {
		least := 0
		for i := range rows {
			if rows[i] < rows[least] {
				least = i
			}
		}
		tokens := s.waiting()
		room := maxRows - rows[least]
		if len(tokens) == 1 {
			room = 1 // a running completion never waits for prompts
		} else if room <= 0 {
			continue
		}
		piece := tokens[:min(len(tokens), room)]
		outputs := 0
		if len(piece) == len(tokens) {
			outputs = 1
		}
		rows[least] += len(piece)
		s.cache.reserve(s.cache.length + len(piece))
		p := &st.parts[least]
		p.slots = append(p.slots, s)
		p.spans = append(p.spans, span{s.cache, piece, outputs})
	}
}

// runPart runs a part's spans through the model and draws the next token of those whose prompt is done.
func (st *stepper) runPart(i int, pool *kernel.Pool) {
	p, ws := &st.parts[i], st.spaces[i]
	if len(p.spans) == 0 {
		return
	}
	logits := st.m.forward(ws, pool, p.spans)
	v := st.m.cfg.Vocab
	stride := padded(v)
	var ready []*slot
	for k, s := range p.slots {
		if p.spans[k].outputs > 0 {
			ready = append(ready, s)
		}
	}
	pool.For(len(ready), func(k int) {
		d, _ := st.distributions.Get().(*distribution) // as many as threads, not as slots: they stay in the near caches
		if d == nil {
			d = new(distribution)
		}
		d.set(logits[k*stride:k*stride+v], 1)
		ready[k].draw(st.m, logits[k*stride:k*stride+v], d)
		st.distributions.Put(d)
	})
}

// draw chooses the next token from its logits, whose distribution is d, and ends the completion where that is due.
func (s *slot) draw(m *Model, logits []float32, d *distribution) {
	j := s.job
	id, err := j.sampler.next(logits, d)
	if err != nil {
		s.finish(err)
		return
	}
	j.recorder.record(logits, d)
	r := &j.result
	r.Tokens = append(r.Tokens, id)
	r.Logprobs = append(r.Logprobs, logits[id]-d.logSumExp())
	s.tokens = append(s.tokens, id)
	text := ""
	if m.tokenizer != nil && !j.ends[id] && !m.tokenizer.IsSpecial(id) {
		text = j.text.push(m.tokenizer.Piece(id))
	}
	whole := j.request.Constraint != nil && j.request.Constraint.Accept(id)
	switch {
	case j.ends[id] || j.text.stopped || whole:
		r.FinishReason = distill.FinishStop
	case len(r.Tokens) >= j.limit:
		r.FinishReason = distill.FinishLength
	}
	if r.FinishReason != "" {
		text += j.text.flush()
	}
	if j.request.OnToken != nil {
		j.request.OnToken(id, text)
	}
	if r.FinishReason != "" {
		s.finish(nil)
	}
}
