package remote

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// answer gathers what one attempt brings in, from a whole body or from the events of a stream.
type answer struct {
	model     string
	text      strings.Builder
	reasoning strings.Builder
	finish    string
	done      bool // the server said that this is all
	usage     usage

	tokens   []distill.Token
	logprobs []float32
	top      []entry
	signal   *distill.Signal
	noIDs    bool // at least one position came without ids
	lastID   string

	otherTokens bool // than those that were to be scored
}

// usage counts as the server does.
type usage struct {
	known      bool
	prompt     int64
	cached     int64
	completion int64 // reasoning included
	reasoning  int64
	usd        *float64 // what the server says it cost
}

// entry is one token of a distribution.
type entry struct {
	id      distill.Token
	known   bool
	logprob float32
}

// complete reports whether the answer is whole: it has a finish reason, or at least the server said it was done.
func (a *answer) complete() bool { return a.finish != "" || a.done }

// finishReason translates the words servers have for the two ordinary ends; other words are kept.
func finishReason(word string) string {
	switch strings.ToLower(word) {
	case "stop", "eos", "eot", "end_turn", "stop_sequence", "eos_token", "end":
		return distill.FinishStop
	case "length", "max_tokens", "max_output_tokens", "model_length", "model_context_window_exceeded":
		return distill.FinishLength
	}
	return strings.ToLower(word)
}

// failures are the reasons why a server ended an answer that it could not finish: DeepSeek's, vLLM's and SGLang's, Mistral's
// and OpenRouter's.
var failures = map[string]bool{"insufficient_system_resource": true, "abort": true, "aborted": true, "error": true}

// impossible is what servers write for a probability of zero: -9999, or minus infinity.
const impossible = -9000

// position adds a position of the completion: the token drawn and the most likely ones, which may be none.
func (a *answer) position(drawn entry, top []entry, kind distill.SignalKind, k int) {
	if !drawn.known {
		a.noIDs = true
		return
	}
	a.tokens = append(a.tokens, drawn.id)
	a.logprobs = append(a.logprobs, drawn.logprob)
	if kind != distill.TopK {
		return
	}
	if a.signal == nil {
		a.signal = &distill.Signal{Kind: distill.TopK}
	}
	start := len(a.signal.IDs)
	for _, e := range top {
		if !e.known {
			a.noIDs = true
			return
		}
		// Servers add the drawn token to the list even where it is not among the likeliest.
		if len(a.signal.IDs)-start >= k || e.logprob <= impossible || a.has(start, e.id) {
			continue
		}
		a.signal.IDs = append(a.signal.IDs, e.id)
		a.signal.Logprobs = append(a.signal.Logprobs, min(e.logprob, 0))
	}
	a.sortFrom(start)
	a.signal.Ends = append(a.signal.Ends, int32(len(a.signal.IDs)))
}

// has reports whether the row that begins at start has the id.
func (a *answer) has(start int, id distill.Token) bool {
	return slices.Contains(a.signal.IDs[start:], id)
}

// sortFrom orders the row that begins at start by falling log-probability, as Signal promises and nearly all servers do.
func (a *answer) sortFrom(start int) {
	ids, lps := a.signal.IDs[start:], a.signal.Logprobs[start:]
	for i := 1; i < len(lps); i++ {
		for j := i; j > 0 && lps[j] > lps[j-1]; j-- {
			lps[j], lps[j-1] = lps[j-1], lps[j]
			ids[j], ids[j-1] = ids[j-1], ids[j]
		}
	}
}

// sortTop orders the entries at one place by falling log-probability, ties by id: a JSON object has no order.
func (a *answer) sortTop() {
	slices.SortFunc(a.top, func(x, y entry) int { return cmp.Or(cmp.Compare(y.logprob, x.logprob), cmp.Compare(x.id, y.id)) })
}

// addUsage takes over an OpenAI usage object.
func (a *answer) addUsage(u *openai.Usage) {
	if u == nil {
		return
	}
	a.usage = usage{known: true, prompt: u.PromptTokens, completion: u.CompletionTokens, cached: u.PromptCacheHitTokens, usd: u.Cost}
	if d := u.PromptTokensDetails; d != nil && d.CachedTokens > 0 {
		a.usage.cached = d.CachedTokens
	}
	if d := u.CompletionTokensDetails; d != nil {
		a.usage.reasoning = d.ReasoningTokens
	}
	a.usage.reasoning = max(a.usage.reasoning, u.ReasoningTokens)
}

// check finds answers that cannot be right: log-probabilities that are not one a token mean that events were lost or
// came twice on the way. Servers leave the end token, and vLLM the tokens of a stop text, out of one count or the other.
func (a *answer) check() error {
	const slack = 8
	n := int64(len(a.tokens))
	if n > 0 && !a.noIDs && a.usage.known && (n > a.usage.completion+slack || n < a.usage.completion-slack) {
		return fmt.Errorf("answer has %d tokens and log-probabilities for %d", a.usage.completion, n)
	}
	for _, v := range []int64{a.usage.prompt, a.usage.cached, a.usage.completion, a.usage.reasoning} {
		if v < 0 || v > 1<<30 {
			return fmt.Errorf("answer counts %d tokens", v)
		}
	}
	return nil
}
