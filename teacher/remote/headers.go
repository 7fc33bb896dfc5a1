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

// exhausted returns how long a server's own count says that nothing remains: for the requests or the tokens whose
// remaining count is 0, the time until the reset. The headers are x-ratelimit-remaining-requests and its like (OpenAI,
// Groq, vendors after them), x-ratelimit-remaining (OpenRouter, Together), x-tokenlimit-remaining (Together),
// x-ratelimitbysize-remaining-minute (Mistral), and anthropic-ratelimit-requests-remaining and its like.
func exhausted(h http.Header, now time.Time) time.Duration {
	var wait time.Duration
	for _, names := range [][2]string{
		{"X-Ratelimit-Remaining-Requests", "X-Ratelimit-Reset-Requests"},
		{"X-Ratelimit-Remaining-Tokens", "X-Ratelimit-Reset-Tokens"},
		{"X-Ratelimit-Remaining", "X-Ratelimit-Reset"},
		{"X-Tokenlimit-Remaining", "X-Ratelimit-Reset"},
		{"X-Ratelimitbysize-Remaining-Minute", "Ratelimitbysize-Reset"},
		{"Anthropic-Ratelimit-Requests-Remaining", "Anthropic-Ratelimit-Requests-Reset"},
		{"Anthropic-Ratelimit-Tokens-Remaining", "Anthropic-Ratelimit-Tokens-Reset"},
		{"Anthropic-Ratelimit-Input-Tokens-Remaining", "Anthropic-Ratelimit-Input-Tokens-Reset"},
		{"Anthropic-Ratelimit-Output-Tokens-Remaining", "Anthropic-Ratelimit-Output-Tokens-Reset"},
	} {
		if h.Get(names[0]) == "0" {
			wait = max(wait, resetIn(h.Get(names[1]), now))
		}
	}
	return wait
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
