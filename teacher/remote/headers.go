package remote

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d24fde5f/distill/internal/openai"
)

// retryAfter returns how long a server asks to wait: retry-after-ms (OpenAI, Azure), Retry-After as seconds or a date
// (RFC 9110, section 10.2.3); 0 when it does not say.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return seconds(ms / 1000)
	}
	text := h.Get("Retry-After")
	if s, err := strconv.ParseFloat(text, 64); err == nil && s > 0 {
		return seconds(s)
	}
	if date, err := http.ParseTime(text); err == nil {
		return max(0, date.Sub(now))
	}
	return 0
}

// wished returns how long an error's body asks to wait, where headers do not come through: Gemini's retryDelay, and the
// headers that OpenRouter passes on.
func wished(e *openai.Error, now time.Time) time.Duration {
	var wait time.Duration
	for _, d := range e.Details {
		wait = max(wait, resetIn(d.RetryDelay, now))
	}
	passed := http.Header{}
	for name, value := range e.Metadata.Headers {
		passed.Set(name, value)
	}
	return max(wait, retryAfter(passed, now), exhausted(passed, now))
}

// counted is a limit that a server counts down in its answers. The header with the limit itself is named like the one with
// what remains of it.
type counted struct {
	remaining, reset string
	tokens           bool // else requests
}

func (c *counted) limit() string { return strings.Replace(c.remaining, "Remaining", "Limit", 1) }

// countedLimits are those of OpenAI, Groq and vendors after them, of OpenRouter and Together, of Mistral and of Anthropic.
var countedLimits = []counted{
	{"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests", false},
	{"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens", true},
	{"X-Ratelimit-Remaining", "X-Ratelimit-Reset", false},
	{"X-Tokenlimit-Remaining", "X-Ratelimit-Reset", true},
	{"X-Ratelimitbysize-Remaining-Minute", "Ratelimitbysize-Reset", true},
	{"Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset", false},
	{"Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset", true},
	{"Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Input-Tokens-Reset", true},
	{"Anthropic-Ratelimit-Output-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Reset", true},
}

// exhausted returns how long a server's own count says that nothing remains: for the requests or the tokens whose
// remaining count is 0, the time until the reset.
func exhausted(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	for _, c := range countedLimits {
		if h.Get(c.remaining) == "0" {
			wait = max(wait, resetIn(h.Get(c.reset), now))
		}
	}
	return wait
}

// allowance is what a server's own count says of further calls.
type allowance struct {
	most int           // calls of a whole period; 0 where it does not say
	left int           // calls that remain of this period, and
	wait time.Duration // how long it goes on; 0 where it does not say
}

// allowed reads the smallest allowance for calls of so many tokens.
func allowed(h http.Header, tokens int, now time.Time) (a allowance) {
	for _, c := range countedLimits {
		size := 1
		if c.tokens {
			size = max(tokens, 1)
		}
		if n, err := strconv.Atoi(h.Get(c.limit())); err == nil && n > 0 && (a.most == 0 || n/size < a.most) {
			a.most = max(n/size, 1)
		}
		n, err := strconv.Atoi(h.Get(c.remaining))
		if reset := resetIn(h.Get(c.reset), now); err == nil && n > 0 && reset > 0 && (a.wait == 0 || n/size < a.left) {
			a.left, a.wait = max(n/size, 1), reset
		}
	}
	return a
}

// resetIn reads the time until a reset: "6m0s", "120ms", RFC 3339, seconds, or a Unix time in seconds or milliseconds.
func resetIn(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if d, err := time.ParseDuration(text); err == nil {
		return max(0, d)
	}
	if then, err := time.Parse(time.RFC3339, text); err == nil {
		return max(0, then.Sub(now))
	}
	n, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || n <= 0:
		return 0
	case n > 1e11:
		return max(0, time.UnixMilli(int64(n)).Sub(now))
	case n > 1e8:
		return max(0, time.Unix(int64(n), 0).Sub(now))
	}
	return seconds(n)
}

// seconds converts without overflow: no server's wish counts for more than a day.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 86400) * float64(time.Second))
}
