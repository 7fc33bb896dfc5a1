package remote

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// What services say of their limits, in headers and in the bodies of refusals, as their documentation shows it.
func TestLimitsOfServices(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		headers map[string]string
		body    string
		want    time.Duration
	}{
		"OpenAI, Groq":         {map[string]string{"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "9h"}, "", 6 * time.Minute},
		"OpenAI, milliseconds": {map[string]string{"retry-after-ms": "1500", "retry-after": "9"}, "", 1500 * time.Millisecond},
		"Anthropic":            {map[string]string{"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "2026-11-24T12:00:30Z"}, "", 30 * time.Second},
		"Anthropic, output":    {map[string]string{"anthropic-ratelimit-output-tokens-remaining": "0", "anthropic-ratelimit-output-tokens-reset": "2026-11-24T12:01:00Z"}, "", time.Minute},
		"Mistral":              {map[string]string{"x-ratelimitbysize-remaining-minute": "0", "ratelimitbysize-reset": "42"}, "", 42 * time.Second},
		"Together":             {map[string]string{"x-ratelimit-remaining": "3", "x-tokenlimit-remaining": "0", "x-ratelimit-reset": "2"}, "", 2 * time.Second},
		"OpenRouter":           {map[string]string{"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795521605000"}, "", 5 * time.Second},
		"a date":               {map[string]string{"retry-after": "Tue, 24 Nov 2026 12:00:10 GMT"}, "", 10 * time.Second},
		"Gemini": {nil, `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"x"}]},
			{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34s"}]}}`, 34 * time.Second},
		"OpenRouter, of the provider": {nil, `{"error":{"code":429,"message":"Rate limit exceeded","metadata":{"headers":{"X-RateLimit-Limit":"20","X-RateLimit-Remaining":"0","X-RateLimit-Reset":"1795521603000"},"provider_name":null}}}`, 3 * time.Second},
		"nothing":                     {map[string]string{"x-ratelimit-remaining-requests": "12"}, `{"error":{"message":"slow down"}}`, 0},
	} {
		h := http.Header{}
		for k, v := range test.headers {
			h.Set(k, v)
		}
		got := max(retryAfter(h, now), exhausted(h, now))
		if e := openai.ParseError([]byte(test.body)); e != nil {
			got = max(got, wished(e, now))
		}
		if got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// A model that takes no sampling settings is asked without them, once it has said so; the answer is paid once.
func TestModelWithoutSampling(t *testing.T) {
	for name, message := range map[string]string{
		"openai":    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
		"anthropic": "`temperature` is deprecated for this model.",
	} {
		good := whole
		if name == "anthropic" {
			good = text("application/json", `{"content":[{"type":"text","text":"`+answerText+`"}],"stop_reason":"end_turn","usage":{"input_tokens":7,"output_tokens":6}}`)
		}
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), `"temperature"`) {
				status(http.StatusBadRequest, message)(w, r)
				return
			}
			good(w, r)
		})
		logger, log := logTo()
		known := open(t, s, func(o *Options) { o.Dialect, o.Retries, o.Logger = name, -1, logger })
		for range 2 {
			c, err := ask(t, known)
			if err != nil || c.Response != answerText {
				t.Fatalf("%s: %v, %v", name, c, err)
			}
		}
		if s.count() != 3 || strings.Count(log.String(), "takes no temperature") != 1 {
			t.Errorf("%s: %d requests, log %s", name, s.count(), log)
		}
	}
}

// An answer that the server itself gave up is asked again, whatever word it has for that.
func TestAnswersThatServersGaveUp(t *testing.T) {
	for _, reason := range []string{"abort", "error", "insufficient_system_resource"} {
		s := serve(t, text("application/json", strings.Replace(wholeBody("Two"), `"stop"`, `"`+reason+`"`, 1)), whole)
		c, err := ask(t, open(t, s))
		if err != nil || c.Response != answerText || s.count() != 2 {
			t.Errorf("%s: %d requests gave %+v, %v", reason, s.count(), c, err)
		}
	}
}

// An error in the middle of a stream is treated by its type where it has no status.
func TestErrorTypeInStream(t *testing.T) {
	s := serve(t, text("text/event-stream", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"x\",\"usage\":{\"input_tokens\":9}}}\n\n"+
		"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"authentication_error\",\"message\":\"no\"}}\n\n"))
	_, err := ask(t, open(t, s, func(o *Options) { o.Dialect = "anthropic" }))
	if s.count() != 1 || teacher.KindOf(err) != teacher.Fatal {
		t.Errorf("%d requests, %v", s.count(), err)
	}
}

// A model that continues no turn is not asked to, and a truncated answer of it is kept.
func TestModelWithoutPrefill(t *testing.T) {
	s := serve(t, text("application/json", `{"content":[{"type":"text","text":"Two"}],"stop_reason":"max_tokens","usage":{"input_tokens":7,"output_tokens":6}}`))
	known := open(t, s, func(o *Options) {
		o.Dialect, o.Model, o.OnTruncated, o.MaxOutput = "anthropic", "claude-opus-5-5", Continue, 64
	})
	if c, err := ask(t, known); err != nil || c.FinishReason != distill.FinishLength || s.count() != 1 {
		t.Errorf("%d requests gave %+v, %v", s.count(), c, err)
	}
	req := plain
	req.Messages = append(req.Messages[:1:1], distill.Message{Role: distill.RoleAssistant, Content: "Two"})
	if _, err := known.Complete(t.Context(), req); teacher.KindOf(err) != teacher.Permanent {
		t.Error(err)
	}
}

// A server that says how much it takes is never asked for more: no call is refused, through several of its minutes.
func TestLimitsInHeadersAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const limit = 20
		var mu sync.Mutex
		used, refused := 0, 0
		period := time.Now()
		known := simulated(t, func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			now := time.Now()
			if now.Sub(period) >= time.Minute {
				period, used = now, 0
			}
			used++
			remaining := max(limit-used, 0)
			header := []string{"X-Ratelimit-Limit-Requests", fmt.Sprint(limit), "X-Ratelimit-Remaining-Requests", fmt.Sprint(remaining),
				"X-Ratelimit-Reset-Requests", time.Until(period.Add(time.Minute)).String()}
			over := used > limit
			if over {
				refused++
			}
			mu.Unlock()
			time.Sleep(2 * time.Second)
			if over {
				return reply(429, `{"error":{"message":"slow down"}}`, header...), nil
			}
			return reply(200, usageBody(10, 10), header...), nil
		}, func(o *Options) { o.Concurrency = 64 })
		spread(100, 64, func() {
			if _, err := ask(t, known); err != nil {
				t.Error(err)
			}
		})
		if refused > 0 {
			t.Errorf("%d of 100 calls were refused", refused)
		}
	})
}
