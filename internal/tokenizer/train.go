package tokenizer

import (
	"cmp"
	"container/heap"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
)

// Special tokens of a trained tokenizer unless told otherwise: the end of a text, which also pads, and ChatML's turns;
// and the tags around thinking, which are text.
var (
	DefaultSpecials = []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"}
	DefaultTags     = []string{"<think>", "</think>"}
)

// TrainOptions are the choices of [Train].
type TrainOptions struct {
	Size     int      // tokens in all, special ones included; at least 256 + len(Specials) + len(Tags)
	Specials []string // control tokens; nil means DefaultSpecials
	Tags     []string // tokens that are never split but are text; nil means DefaultTags
	EOS, PAD string   // two of Specials; "" means the last and the first
	MinCount int      // pairs seen less often are not merged; 0 means 2
	Pre      string   // pre-tokenizer by its GGUF name; "" means qwen2, where every digit is a token
	Threads  int      // 0 means all processors; the result does not depend on it
}

func (o TrainOptions) withDefaults() TrainOptions {
	if o.Specials == nil {
		o.Specials = DefaultSpecials
	}
	if o.Tags == nil {
		o.Tags = DefaultTags
	}
	if len(o.Specials) > 0 {
		o.EOS, o.PAD = cmp.Or(o.EOS, o.Specials[len(o.Specials)-1]), cmp.Or(o.PAD, o.Specials[0])
	}
	o.MinCount = cmp.Or(o.MinCount, 2)
	o.Pre = cmp.Or(o.Pre, "qwen2")
	o.Threads = cmp.Or(o.Threads, runtime.GOMAXPROCS(0))
	return o
}

// Train learns a byte-level BPE from texts: the 256 bytes, then again and again the most frequent pair of neighbouring
// tokens within a word becomes a token (Sennrich et al. 2016, arXiv:1508.07909; of equals the pair of lower ids), then
// tags and special tokens. The same texts in any order give the same tokenizer. It ends early, with fewer tokens than
// asked for, when no pair is frequent enough.
func Train(texts iter.Seq[string], o TrainOptions) (*Tokenizer, error) {
	o = o.withDefaults()
	merges := o.Size - 256 - len(o.Specials) - len(o.Tags)
	if merges < 0 {
		return nil, fmt.Errorf("tokenizer: %d tokens do not hold the 256 bytes and %d special tokens", o.Size, len(o.Specials)+len(o.Tags))
	}
	for _, name := range []string{o.EOS, o.PAD} {
		if name != "" && !slices.Contains(o.Specials, name) {
			return nil, fmt.Errorf("tokenizer: %q is not among the special tokens", name)
		}
	}
	pre, err := preTokenizerByName(o.Pre)
	if err != nil {
		return nil, err
	}
	counts, err := countWords(texts, pre, o.Threads)
	if err != nil {
		return nil, err
	}
	l := newLearner(counts)
	l.learn(merges, o.MinCount)
	t := &Tokenizer{Kind: BPE, Pre: pre.names[0], BOS: None, EOS: None, PAD: None, UNK: None, turnEnd: None, ignoreMerges: pre.ignoreMerges, merges: l.merges}
	for _, raw := range l.tokens {
		t.text = append(t.text, toVisible(raw))
		t.types = append(t.types, typeNormal)
	}
	for _, tag := range o.Tags {
		t.text, t.types = append(t.text, tag), append(t.types, typeUserDefined)
	}
	for _, name := range o.Specials {
		t.text, t.types = append(t.text, name), append(t.types, typeControl)
	}
	ids := t.byText()
	if id, ok := ids[o.EOS]; ok && o.EOS != "" {
		t.EOS = id
	}
	if id, ok := ids[o.PAD]; ok && o.PAD != "" {
		t.PAD = id
	}
	return t, t.finish()
}

// countWords splits the texts, in parallel, and counts each word.
func countWords(texts iter.Seq[string], pre *preTokenizer, threads int) (map[string]int64, error) {
	split, err := pre.split()
	if err != nil {
		return nil, err
	}
	const batchBytes = 1 << 18
	batches := make(chan []string, threads)
	parts := make([]map[string]*int64, threads)
	var wg sync.WaitGroup
	for i := range parts {
		parts[i] = make(map[string]*int64)
		wg.Go(func() {
			for batch := range batches {
				for _, text := range batch {
					split(text, func(word string) { count(parts[i], word) })
				}
			}
		})
	}
	var batch []string
	size := 0
	for text := range texts {
		batch, size = append(batch, text), size+len(text)
		if size >= batchBytes {
			batches <- batch
			batch, size = nil, 0
		}
	}
	batches <- batch
	close(batches)
	wg.Wait()
	all := make(map[string]int64)
	for _, part := range parts {
		for word, n := range part {
			all[word] += *n
		}
	}
	return all, nil
}

// count adds one to a word. The counter is behind a pointer, so a known word costs one look-up and no copy.
func count(counts map[string]*int64, word string) {
	if n, ok := counts[word]; ok {
		*n++
		return
	}
	one := int64(1)
	counts[string([]byte(word))] = &one // a copy: word would keep its whole text alive
}

// learner holds the words as sequences of tokens, and for every pair of neighbours its frequency and the words it is in.
type learner struct {
	words  []trainWord
	pairs  map[[2]Token]*trainPair
	queue  trainQueue
	tokens []string // raw bytes of each
	ids    map[string]Token
	merges [][2]Token
	merged map[[2]Token]bool
}

type trainWord struct {
	symbols []Token
	count   int64
}

type trainPair struct {
	pair   [2]Token
	count  int64
	queued int64   // the count under which it is in the queue; 0 for not
	words  []int32 // words it was seen in; it may have left them since
}

func newLearner(counts map[string]int64) *learner {
	l := &learner{pairs: make(map[[2]Token]*trainPair), ids: make(map[string]Token), merged: make(map[[2]Token]bool)}
	for b := range 256 {
		raw := string([]byte{byte(b)})
		l.tokens = append(l.tokens, raw)
		l.ids[raw] = Token(b)
	}
	words := make([]string, 0, len(counts))
	for w := range counts {
		if len(w) > 1 {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	l.words = make([]trainWord, len(words))
	for i, w := range words {
		symbols := make([]Token, len(w))
		for j := range len(w) {
			symbols[j] = Token(w[j])
		}
		l.words[i] = trainWord{symbols, counts[w]}
		for j := 1; j < len(symbols); j++ {
			l.add(symbols[j-1], symbols[j], counts[w], int32(i))
		}
	}
	for _, p := range l.pairs {
		l.enqueue(p)
	}
	return l
}

// add changes a pair's frequency by n and, if it grew, remembers the word.
func (l *learner) add(left, right Token, n int64, word int32) *trainPair {
	p, ok := l.pairs[[2]Token{left, right}]
	if !ok {
		p = &trainPair{pair: [2]Token{left, right}}
		l.pairs[p.pair] = p
	}
	p.count += n
	if n > 0 && (len(p.words) == 0 || p.words[len(p.words)-1] != word) {
		p.words = append(p.words, word)
	}
	return p
}

func (l *learner) enqueue(p *trainPair) {
	if p.count > p.queued {
		p.queued = p.count
		heap.Push(&l.queue, queuedPair{p.count, p})
	}
}

// learn makes up to n merges of pairs that occur at least minCount times.
func (l *learner) learn(n, minCount int) {
	limit := len(l.tokens) + n
	for len(l.tokens) < limit && l.queue.Len() > 0 {
		top := heap.Pop(&l.queue).(queuedPair)
		p := top.p
		if top.count != p.queued { // a newer entry is in the queue
			continue
		}
		p.queued = 0
		if p.count != top.count { // it has become rarer since
			l.enqueue(p)
			continue
		}
		if p.count < int64(minCount) {
			return
		}
		l.merge(p)
	}
}

// merge makes a token of a pair and replaces it in every word.
func (l *learner) merge(p *trainPair) {
	raw := l.tokens[p.pair[0]] + l.tokens[p.pair[1]]
	id, ok := l.ids[raw]
	if !ok { // another pair may have made the same token before
		id = Token(len(l.tokens))
		l.tokens = append(l.tokens, raw)
		l.ids[raw] = id
	}
	if !l.merged[p.pair] { // it may come again, if another pair made one of its halves anew
		l.merged[p.pair] = true
		l.merges = append(l.merges, p.pair)
	}
	changed := make(map[*trainPair]struct{})
	for _, i := range p.words {
		l.mergeIn(i, p.pair, id, changed)
	}
	p.count, p.words = 0, nil
	delete(l.pairs, p.pair)
	for q := range changed {
		if q != p {
			l.enqueue(q)
		}
	}
}

// mergeIn replaces a pair in one word. The frequencies of pairs next to it change; those that grow are noted.
func (l *learner) mergeIn(i int32, pair [2]Token, id Token, changed map[*trainPair]struct{}) {
	w := &l.words[i]
	s := w.symbols
	out := s[:0]
	for j := 0; j < len(s); j++ {
		if j+1 == len(s) || s[j] != pair[0] || s[j+1] != pair[1] {
			out = append(out, s[j])
			continue
		}
		if n := len(out); n > 0 {
			l.add(out[n-1], pair[0], -w.count, i)
			changed[l.add(out[n-1], id, w.count, i)] = struct{}{}
		}
		if j+2 < len(s) {
			l.add(pair[1], s[j+2], -w.count, i)
			changed[l.add(id, s[j+2], w.count, i)] = struct{}{}
		}
		out = append(out, id)
		j++
	}
	w.symbols = out
}

// queuedPair is an entry of the queue: the frequency a pair had when it was entered.
type queuedPair struct {
	count int64
	p     *trainPair
}

// trainQueue is a heap: the most frequent pair first, of equals the one of lower ids.
type trainQueue []queuedPair

func (q trainQueue) Len() int      { return len(q) }
func (q trainQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q trainQueue) Less(i, j int) bool {
	if q[i].count != q[j].count {
		return q[i].count > q[j].count
	}
	return slices.Compare(q[i].p.pair[:], q[j].p.pair[:]) < 0
}
func (q *trainQueue) Push(x any) { *q = append(*q, x.(queuedPair)) }
func (q *trainQueue) Pop() any {
	old := *q
	x := old[len(old)-1]
	*q = old[:len(old)-1]
	return x
}
