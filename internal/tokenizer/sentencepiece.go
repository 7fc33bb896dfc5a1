package tokenizer

import (
	"math"
	"strings"
	"unicode/utf8"
)

// sentencePiece is SentencePiece BPE as llama.cpp does it: the text's characters, spaces written as ▁, are merged pair by
// pair, the pair whose union is the token of highest score first, the leftmost of equals; what is no token in the end is
// spelt in byte tokens.
type sentencePiece struct {
	ids    map[string]Token // by the vocabulary's spelling
	scores []uint32         // per token, as a rank: higher scores are lower
	bytes  [256]Token
	unk    Token
	// If no token has a ▁ after another character, nothing merges across the start of a run of ▁, and the text can be
	// taken word by word, each of them short.
	byWord bool
	direct directTokens
}

func newSentencePiece(t *Tokenizer) (*sentencePiece, error) {
	s := &sentencePiece{ids: make(map[string]Token, len(t.text)), unk: t.UNK, byWord: true, scores: make([]uint32, len(t.text)), direct: make(directTokens, len(t.text))}
	for i := range s.bytes {
		s.bytes[i] = None
	}
	for i, text := range t.text {
		s.scores[i] = descending(t.scores[i])
		if _, twice := s.ids[text]; twice {
			continue
		}
		s.ids[text] = Token(i)
		if b, ok := parseByteName(text); ok && t.types[i] == typeByte {
			s.bytes[b] = Token(i)
		}
		if strings.Contains(strings.TrimLeft(text, spaceMark), spaceMark) {
			s.byWord = false
		}
	}
	return s, nil
}

// descending maps scores to integers that fall as the score rises, in the order of float32.
func descending(score float32) uint32 {
	bits := math.Float32bits(score)
	if bits>>31 == 0 {
		bits |= 1 << 31
	} else {
		bits = ^bits
	}
	return min(^bits, noRank-1)
}

func (s *sentencePiece) appendTokens(ids []Token, text string) []Token {
	text = strings.ReplaceAll(text, " ", spaceMark)
	for s.byWord && len(text) > 0 {
		n := len(text)
		body := len(text) - len(strings.TrimLeft(text, spaceMark))
		if k := strings.Index(text[body:], spaceMark); k >= 0 {
			n = body + k
		}
		ids = s.appendWord(ids, text[:n])
		text = text[n:]
	}
	if len(text) > 0 {
		ids = s.appendWord(ids, text)
	}
	return ids
}

func (s *sentencePiece) appendWord(ids []Token, text string) []Token {
	if id, ok := s.ids[text]; ok {
		return s.direct.appendWord(ids, text, id, s.mergeWord)
	}
	return s.mergeWord(ids, text)
}

// mergeWord merges the characters of text.
func (s *sentencePiece) mergeWord(ids []Token, text string) []Token {
	// starts[i] is where symbol i begins; its end is where the next living symbol begins.
	starts := make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		starts = append(starts, int32(i))
		_, n := utf8.DecodeRuneInString(text[i:])
		i += n
	}
	n := len(starts)
	starts = append(starts, int32(len(text)))
	list := newChain(n)
	alive := make([]bool, n)
	end := func(i int32) int32 {
		if list[i].next < 0 {
			return starts[n]
		}
		return starts[list[i].next]
	}
	queue := heapPool.Get().(*pairHeap)
	defer heapPool.Put(queue)
	queue.reset()
	push := func(i int32) {
		if i < 0 || list[i].next < 0 {
			return
		}
		stop := end(list[i].next)
		if id, ok := s.ids[text[starts[i]:stop]]; ok {
			queue.push(candidate{key: uint64(s.scores[id])<<32 | uint64(i), left: starts[list[i].next], right: stop})
		}
	}
	for i := range alive {
		alive[i] = true
		push(int32(i))
	}
	for !queue.empty() {
		c := queue.pop()
		i := int32(c.key & math.MaxUint32)
		next := list[i].next
		// The same two symbols must still be neighbours: same boundary between them, same end.
		if !alive[i] || next < 0 || starts[next] != c.left || end(next) != c.right {
			continue
		}
		alive[next] = false
		list.drop(next)
		push(list[i].prev)
		push(i)
	}
	for i := int32(0); i >= 0; i = list[i].next {
		ids = s.appendPiece(ids, text[starts[i]:end(i)])
	}
	return ids
}

// appendPiece adds the token of a piece, or its bytes.
func (s *sentencePiece) appendPiece(ids []Token, piece string) []Token {
	if id, ok := s.ids[piece]; ok {
		return append(ids, id)
	}
	for i := range len(piece) {
		switch b := s.bytes[piece[i]]; {
		case b != None:
			ids = append(ids, b)
		case s.unk != None:
			return append(ids, s.unk)
		}
	}
	return ids
}
