package grammar

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/seed-d24fde5f/distill"
)

// ErrStuck says that the text cannot go on: the vocabulary has no token for any byte that may come next.
var ErrStuck = errors.New("grammar: no token of the vocabulary can continue the text")

// Session follows one text through a grammar. The states that it comes through are kept, so that a text pays for each kind
// of place (inside a string, after a comma, one level deeper) once. It is for one goroutine.
type Session struct {
	rules  []rule
	words  *Vocabulary
	at     int32
	frames []frame // a tree of stacks; 0 is the empty one
	known  map[frame]int32
	states []state
	named  map[string]int32
}

// frame is the top of a stack: the rest of a sequence from a position on, and what follows it.
type frame struct {
	rule, sequence, position int32
	below                    int32
}

// state is a set of stacks, each with a class of bytes on top, or empty where the text may end.
type state struct {
	stacks []int32
	next   *[256]int32 // 0 is not known yet
	mask   []uint64    // the tokens that can come next, made when first asked for
}

// dead is the state of what is no beginning of a text.
const dead = 1

// maxStacks bounds the ways in which a text is read at once. Grammars that need more (a schema whose alternatives begin
// alike, level after level) are not followed further.
const maxStacks = 256

// NewSession begins a text of g in tokens of v.
func NewSession(g *Grammar, v *Vocabulary) *Session {
	s := &Session{rules: g.rules, words: v, frames: make([]frame, 1), known: map[frame]int32{}, named: map[string]int32{}}
	s.states = make([]state, 1, 16) // 0 is no state
	s.intern(nil)                   // dead
	var first []int32
	s.open(&first, 0, 0)
	s.at = s.intern(first)
	return s
}

// Mask sets the logits of all tokens that cannot come next to −Inf.
func (s *Session) Mask(logits []float32) error {
	st := &s.states[s.at]
	if st.mask == nil {
		mask := s.words.mask(s)
		st = &s.states[s.at] // they may have moved
		st.mask = mask
	}
	some := false
	none := float32(math.Inf(-1))
	for i, allowed := range st.mask {
		if allowed == 0 { // nearly always
			part := logits[min(64*i, len(logits)):min(64*i+64, len(logits))]
			for j := range part {
				part[j] = none
			}
			continue
		}
		for j := range min(64, len(logits)-64*i) {
			if allowed&(1<<j) == 0 {
				logits[64*i+j] = none
			} else {
				some = true
			}
		}
	}
	for i := 64 * len(st.mask); i < len(logits); i++ { // a model's rows may be more than its tokens
		logits[i] = none
	}
	if !some {
		return ErrStuck
	}
	return nil
}

// Accept takes the next token. It reports whether the text is whole and nothing can follow it.
func (s *Session) Accept(id distill.Token) (whole bool) {
	if int(id) < len(s.words.pieces) && !s.words.ends[id] {
		for _, b := range s.words.pieces[id] {
			s.at = s.step(s.at, b)
		}
	}
	return s.ended(s.at) && len(s.states[s.at].stacks) == 1
}

// ended reports whether a text may end in a state.
func (s *Session) ended(at int32) bool { return slices.Contains(s.states[at].stacks, 0) }

// step returns the state after one more byte.
func (s *Session) step(at int32, b byte) int32 {
	if next := s.states[at].next[b]; next != 0 {
		return next
	}
	var stacks []int32
	for _, id := range s.states[at].stacks {
		if id == 0 {
			continue
		}
		f := s.frames[id]
		if s.rules[f.rule][f.sequence][f.position].bytes.has(b) {
			s.descend(&stacks, s.advance(f))
		}
	}
	next := s.intern(stacks)
	s.states[at].next[b] = next
	return next
}

// advance returns the stack behind the symbol on top of f.
func (s *Session) advance(f frame) int32 {
	if f.position++; int(f.position) == len(s.rules[f.rule][f.sequence]) {
		return f.below
	}
	return s.frame(f)
}

func (s *Session) frame(f frame) int32 {
	id, ok := s.known[f]
	if !ok {
		id = int32(len(s.frames))
		s.frames = append(s.frames, f)
		s.known[f] = id
	}
	return id
}

// open puts each way to begin a rule on top of a stack.
func (s *Session) open(stacks *[]int32, rule, below int32) {
	for i, seq := range s.rules[rule] {
		if len(seq) == 0 {
			s.descend(stacks, below)
		} else {
			s.descend(stacks, s.frame(frame{rule, int32(i), 0, below}))
		}
	}
}

// descend adds a stack, opened until bytes are on top.
func (s *Session) descend(stacks *[]int32, id int32) {
	if id != 0 {
		f := s.frames[id]
		if top := s.rules[f.rule][f.sequence][f.position]; top.bytes == nil {
			s.open(stacks, top.rule, s.advance(f))
			return
		}
	}
	if !slices.Contains(*stacks, id) {
		*stacks = append(*stacks, id)
	}
}

// intern returns the state of a set of stacks.
func (s *Session) intern(stacks []int32) int32 {
	if len(stacks) > maxStacks {
		return dead
	}
	slices.Sort(stacks)
	name := make([]byte, 0, 4*len(stacks))
	for _, id := range stacks {
		name = binary.LittleEndian.AppendUint32(name, uint32(id))
	}
	at, ok := s.named[string(name)]
	if !ok {
		at = int32(len(s.states))
		s.states = append(s.states, state{stacks: stacks, next: new([256]int32)})
		s.named[string(name)] = at
	}
	return at
}
