package tokenizer

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
)

// bpe is byte-level BPE: a text is split into words, and in each word the pair of neighbours with the lowest rank is
// merged, the leftmost of equals first, until no pair has a rank.
type bpe struct {
	split  func(text string, emit func(word string))
	bytes  [256]Token
	merges pairs
	unk    Token
	whole  map[string]Token // tokens by what they stand for
	direct directTokens
	always bool // every token does, by decree (ignore_merges)
}

// directTokens remembers, for each token, whether merging leads from what it stands for to it alone: most words of a text
// are such tokens, and need one look-up then.
type directTokens []atomic.Uint32

// What is known of a token; the zero value is nothing.
const (
	reached = 1 + iota
	missed
)

// appendWord adds the tokens of a word that is spelt like token id, by merge where it is not known to give just that.
func (d directTokens) appendWord(ids []Token, word string, id Token, merge func([]Token, string) []Token) []Token {
	switch d[id].Load() {
	case reached:
		return append(ids, id)
	case missed:
		return merge(ids, word)
	}
	from := len(ids)
	ids = merge(ids, word)
	if len(ids) == from+1 && ids[from] == id {
		d[id].Store(reached)
	} else {
		d[id].Store(missed)
	}
	return ids
}

func newBPE(t *Tokenizer) (*bpe, error) {
	pre, err := preTokenizerByName(t.Pre)
	if err != nil {
		return nil, err
	}
	b := &bpe{unk: t.UNK, whole: make(map[string]Token, len(t.text)), direct: make(directTokens, len(t.text)), always: t.ignoreMerges}
	if b.split, err = pre.split(); err != nil {
		return nil, err
	}
	for i := range b.bytes {
		b.bytes[i] = None
	}
	for i := len(t.text) - 1; i >= 0; i-- { // of two tokens that stand for the same, the first counts
		if t.types[i] != typeNormal {
			continue
		}
		b.whole[t.bytes[i]] = Token(i)
		if len(t.bytes[i]) == 1 {
			b.bytes[t.bytes[i][0]] = Token(i)
		}
	}
	b.merges = newPairs(len(t.merges))
	ids := t.byText()
	for rank, m := range t.merges {
		to, ok := ids[t.text[m[0]]+t.text[m[1]]]
		if !ok {
			return nil, fmt.Errorf("tokenizer: merge %d (%q %q) gives no token", rank, t.text[m[0]], t.text[m[1]])
		}
		b.merges.add(m[0], m[1], uint32(rank), to)
	}
	return b, nil
}

func (b *bpe) appendTokens(ids []Token, text string) []Token {
	b.split(text, func(word string) { ids = b.appendWord(ids, word) })
	return ids
}

func (b *bpe) appendWord(ids []Token, word string) []Token {
	if len(word) == 1 {
		return b.appendByte(ids, word[0])
	}
	id, ok := b.whole[word]
	if !ok {
		return b.mergeWord(ids, word)
	}
	if b.always {
		return append(ids, id)
	}
	return b.direct.appendWord(ids, word, id, b.mergeWord)
}

func (b *bpe) appendByte(ids []Token, c byte) []Token {
	switch {
	case b.bytes[c] != None:
		return append(ids, b.bytes[c])
	case b.unk != None:
		return append(ids, b.unk)
	}
	return ids // as llama.cpp does; vocabularies that lack a byte are broken
}

// shortWord is the longest word that mergeWord does by scanning; longer ones use a heap.
const shortWord = 48

func (b *bpe) mergeWord(ids []Token, word string) []Token {
	from := len(ids)
	for i := range len(word) {
		ids = b.appendByte(ids, word[i])
	}
	symbols := ids[from:]
	if len(symbols) > shortWord {
		return ids[:from+b.mergeLong(symbols)]
	}
	var ranks [shortWord]uint32 // of the pair that begins at each symbol
	for i := 0; i+1 < len(symbols); i++ {
		ranks[i], _ = b.merges.find(symbols[i], symbols[i+1])
	}
	n := len(symbols)
	for n > 1 {
		best := 0
		for i := 1; i < n-1; i++ {
			if ranks[i] < ranks[best] {
				best = i
			}
		}
		if ranks[best] == noRank {
			break
		}
		_, symbols[best] = b.merges.find(symbols[best], symbols[best+1])
		copy(symbols[best+1:n-1], symbols[best+2:n])
		if best+2 < n {
			copy(ranks[best+1:n-2], ranks[best+2:n-1])
		}
		n--
		if best > 0 {
			ranks[best-1], _ = b.merges.find(symbols[best-1], symbols[best])
		}
		if best+1 < n {
			ranks[best], _ = b.merges.find(symbols[best], symbols[best+1])
		}
	}
	return ids[:from+n]
}

// mergeLong is mergeWord's loop with a heap of pairs over a linked list, O(n log n). It leaves the result at the front
// of symbols and returns its length.
func (b *bpe) mergeLong(symbols []Token) int {
	list := newChain(len(symbols))
	queue := heapPool.Get().(*pairHeap)
	defer heapPool.Put(queue)
	queue.reset()
	push := func(i int32) {
		if i < 0 || list[i].next < 0 {
			return
		}
		if rank, to := b.merges.find(symbols[i], symbols[list[i].next]); rank != noRank {
			queue.push(candidate{key: uint64(rank)<<32 | uint64(i), to: to, left: symbols[i], right: symbols[list[i].next]})
		}
	}
	for i := range symbols {
		push(int32(i))
	}
	for !queue.empty() {
		c := queue.pop()
		i := int32(c.key & math.MaxUint32)
		next := list[i].next
		if symbols[i] != c.left || next < 0 || symbols[next] != c.right {
			continue // one of the two was merged meanwhile
		}
		symbols[i], symbols[next] = c.to, None
		list.drop(next)
		push(list[i].prev)
		push(i)
	}
	n := 0
	for i := int32(0); i >= 0; i = list[i].next {
		symbols[n] = symbols[i]
		n++
	}
	return n
}

// chain is a doubly linked list over indices; −1 ends it.
type chain []struct{ prev, next int32 }

func newChain(n int) chain {
	c := make(chain, n)
	for i := range c {
		c[i].prev, c[i].next = int32(i-1), int32(i+1)
	}
	c[n-1].next = -1
	return c
}

func (c chain) drop(i int32) {
	prev, next := c[i].prev, c[i].next
	c[prev].next = next // the first element is never dropped
	if next >= 0 {
		c[next].prev = prev
	}
}

var heapPool = sync.Pool{New: func() any { return new(pairHeap) }}
