package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// The tests here run on synctest's clock: hours pass in milliseconds, and every time is exact.

// bubble runs a test on synctest's clock. The race detector's runtime crashes when two threads run timers of one bubble at
// once (golang.org/issue/78156), so it gets one thread: it goes by the order of events, not by what really ran together.
func bubble(t *testing.T, f func(*testing.T)) {
	if raceEnabled {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	}
	synctest.Test(t, f)
}

// transport is a server without a network.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(code int, body string, header ...string) *http.Response {
	r := &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body)))}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func usageBody(prompt, completion int) string {
	return fmt.Sprintf(`{"choices":[{"message":{"content":"ok"},"finish_reason":"stop"}],"usage":{"prompt_tokens":%d,"completion_tokens":%d}}`, prompt, completion)
}

// simulated makes a teacher over a transport. It must be made inside the bubble.
func simulated(t testing.TB, f transport, change ...func(*Options)) *Teacher {
	o := Options{BaseURL: "http://sim/v1", Model: "sim", Transport: f, Price: &Price{Input: 1, Output: 2}}
	for _, c := range change {
		c(&o)
	}
	known, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { known.Close() })
	return known
}

// crowd makes n calls by w workers and returns the errors.
func crowd(known *Teacher, w, n int) []error {
	var (
		mu    sync.Mutex
		errs  []error
		group sync.WaitGroup
		todo  = make(chan struct{}, n)
	)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	for range w {
		group.Go(func() {
			for range todo {
				if _, err := known.Complete(context.Background(), plain); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	return errs
}

// No minute may see more requests or tokens than the limits say, and little less when there is enough to do.
func TestLimitsPerMinute(t *testing.T) {
	for _, rpm := range []int{1, 7, 60, 600, 5000} {
		bubble(t, func(t *testing.T) {
			var mu sync.Mutex
			var times []time.Time
			known := simulated(t, func(*http.Request) (*http.Response, error) {
				mu.Lock()
				times = append(times, time.Now())
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				return reply(200, usageBody(10, 10)), nil
			}, func(o *Options) { o.RequestsPerMinute, o.Concurrency = rpm, 32 })
			start := time.Now()
			if errs := crowd(known, 32, 3*rpm+1); errs != nil {
				t.Fatal(errs[0])
			}
			if worst := mostPerMinute(times, func(int) int { return 1 }); worst > rpm {
				t.Errorf("%d requests in a minute, limit %d", worst, rpm)
			}
			if took := time.Since(start); took > 200*time.Second {
				t.Errorf("%d requests at %d per minute took %v", 3*rpm+1, rpm, took)
			}
		})
	}
}

// Tokens are only known afterwards; on the average the limit holds however wrong the estimates are.
func TestTokensPerMinute(t *testing.T) {
	for _, real := range []int{5, 40, 3000} {
		bubble(t, func(t *testing.T) {
			const limit = 60000
			tokens := 0
			var mu sync.Mutex
			known := simulated(t, func(*http.Request) (*http.Response, error) {
				mu.Lock()
				tokens += real
				mu.Unlock()
				time.Sleep(time.Second)
				return reply(200, usageBody(5, real-5)), nil
			}, func(o *Options) { o.TokensPerMinute, o.Concurrency = limit, 16 })
			start := time.Now()
			n := 10 * limit / max(real, 40)
			if errs := crowd(known, 16, n); errs != nil {
				t.Fatal(errs[0])
			}
			perMinute := float64(tokens) / max(1, time.Since(start).Minutes())
			if perMinute > 1.05*limit {
				t.Errorf("answers of %d tokens: %.0f tokens a minute, limit %d", real, perMinute, limit)
			}
			if real >= 3000 && perMinute < 0.75*limit {
				t.Errorf("answers of %d tokens: only %.0f tokens a minute of %d", real, perMinute, limit)
			}
		})
	}
}

func mostPerMinute(times []time.Time, weight func(i int) int) int {
	worst, sum, first := 0, 0, 0
	for i, now := range times {
		sum += weight(i)
		for now.Sub(times[first]) >= time.Minute {
			sum -= weight(first)
			first++
		}
		worst = max(worst, sum)
	}
	return worst
}

// A server that takes 20 calls at once and refuses the rest: the window must find that, waste few calls, lose none.
func TestWindowFindsCapacity(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const capacity, calls = 20, 4000
		var mu sync.Mutex
		inFlight, refused := 0, 0
		known := simulated(t, func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			if inFlight >= capacity {
				refused++
				return reply(429, `{"error":{"message":"slow down"}}`), nil
			}
			inFlight++
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			inFlight--
			return reply(200, usageBody(10, 10)), nil
		}, func(o *Options) { o.Concurrency = 200 })
		start := time.Now()
		if errs := crowd(known, 200, calls); errs != nil {
			t.Fatal(errs[0])
		}
		took := time.Since(start)
		t.Logf("%d calls in %v (best %v), %d refusals", calls, took, calls/capacity*time.Second, refused)
		if best := calls / capacity * time.Second; took > best*3/2 {
			t.Errorf("took %v where %v is possible", took, best)
		}
		if refused > calls/20 {
			t.Errorf("%d of %d calls refused", refused, calls)
		}
	})
}

// When the server says that nothing remains, nothing is sent until it says it will take more.
func TestNothingRemains(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var times []time.Time
		known := simulated(t, func(*http.Request) (*http.Response, error) {
			times = append(times, time.Now())
			return reply(200, usageBody(1, 1), "X-Ratelimit-Remaining-Requests", "0", "X-Ratelimit-Reset-Requests", "1m30s"), nil
		})
		crowd(known, 1, 2)
		if gap := times[1].Sub(times[0]); gap != 90*time.Second {
			t.Errorf("asked again after %v", gap)
		}
	})
}

// A server goes away for five minutes in the middle of a run: nothing is lost, and it is not hammered meanwhile.
func TestServerDownAndBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		start := time.Now()
		log, logged := logTo()
		var mu sync.Mutex
		var during int
		known := simulated(t, func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if since := time.Since(start); since > 10*time.Second && since < 310*time.Second {
				mu.Lock()
				during++
				mu.Unlock()
				return nil, errors.New("connection refused")
			}
			return reply(200, usageBody(1, 1)), nil
		}, func(o *Options) { o.Concurrency, o.Logger = 64, log })
		if errs := crowd(known, 64, 2000); errs != nil {
			t.Fatalf("%d calls failed: %v", len(errs), errs[0])
		}
		for _, news := range []string{"server is down", "server is back"} {
			if n := strings.Count(logged.String(), news); n != 1 {
				t.Errorf("%q is in the log %d times", news, n)
			}
		}
		t.Logf("%d attempts while it was down, %v in all", during, time.Since(start))
		if during > 64+40 {
			t.Errorf("%d attempts while the server was down", during)
		}
		if took := time.Since(start); took > 420*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestServerStaysDown(t *testing.T) {
	for _, when := range []WhenDown{Wait, Stop} {
		bubble(t, func(t *testing.T) {
			start := time.Now()
			known := simulated(t, func(*http.Request) (*http.Response, error) { return reply(500, ""), nil },
				func(o *Options) { o.WhenDown, o.Patience = when, 10*time.Minute })
			errs := crowd(known, 32, 32)
			if len(errs) != 32 {
				t.Fatalf("%d errors", len(errs))
			}
			fatal := 0
			for _, err := range errs {
				if teacher.KindOf(err) == teacher.Fatal {
					fatal++
				}
			}
			if fatal < 16 {
				t.Errorf("%q: only %d of 32 errors are fatal: %v", when, fatal, errs[0])
			}
			took := time.Since(start)
			if when == Stop && took > 10*time.Second || when == Wait && (took < 10*time.Minute || took > 13*time.Minute) {
				t.Errorf("%q: gave up after %v", when, took)
			}
		})
	}
}

// One poisoned prompt fails by itself; the server is not taken for dead.
func TestOneBadPrompt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		known := simulated(t, func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			time.Sleep(time.Second)
			if bytes.Contains(body, []byte("poison")) {
				return reply(500, ""), nil
			}
			return reply(200, usageBody(1, 1)), nil
		})
		bad := plain
		bad.Messages = append(bad.Messages[:0:0], bad.Messages[0])
		bad.Messages[0].Content = "poison"
		_, err := known.Complete(t.Context(), bad)
		if teacher.KindOf(err) != teacher.Transient {
			t.Errorf("error %v", err)
		}
		if errs := crowd(known, 4, 10); errs != nil {
			t.Errorf("others failed: %v", errs[0])
		}
	})
}

// With any limit and any prices, spending never passes the limit, though 64 calls are in flight, some fail after the
// server has worked, and lengths are not known before.
func TestBudgetIsNeverExceeded(t *testing.T) {
	simulations := 1000
	if raceEnabled {
		simulations = 100 // ten times slower, and what a thousand show, a hundred do
	}
	for run := range simulations {
		bubble(t, func(t *testing.T) { simulateBudget(t, rand.New(rand.NewPCG(1, uint64(run)))) })
	}
}

func simulateBudget(t *testing.T, r *rand.Rand) {
	price := Price{Input: 0.01 + 20*r.Float64(), Output: 0.01 + 80*r.Float64()}
	limits := budget.Limits{}
	for limits == (budget.Limits{}) {
		if r.IntN(2) == 0 {
			limits.USD = 0.0001 + 0.1*r.Float64()*r.Float64()
		}
		if r.IntN(3) == 0 {
			limits.Tokens = 200 + r.Int64N(50000)
		}
		if r.IntN(3) == 0 {
			limits.Calls = 1 + r.Int64N(200)
		}
		if r.IntN(4) == 0 {
			limits.Time = time.Duration(1+r.IntN(60)) * time.Second
		}
	}
	var mu sync.Mutex // also guards r
	var billed budget.Spending
	var last time.Time
	b := budget.New(limits, budget.Spending{})
	start := time.Now()
	known := simulated(t, func(q *http.Request) (*http.Response, error) {
		mu.Lock()
		prompt, completion, fate := 1+r.IntN(30), r.IntN(17), r.IntN(10)
		billed.Calls++
		if fate != 0 {
			billed.Tokens += int64(prompt + completion)
			billed.USD += price.Cost(int64(prompt), 0, int64(completion))
		}
		last = time.Now()
		delay := time.Duration(r.IntN(3000)) * time.Millisecond
		mu.Unlock()
		select {
		case <-time.After(delay):
		case <-q.Context().Done():
			return nil, q.Context().Err()
		}
		switch fate {
		case 0:
			return reply(503, `{"error":"overloaded"}`), nil
		case 1: // worked for, then lost
			return reply(200, usageBody(prompt, completion)[:40]), nil
		}
		return reply(200, usageBody(prompt, completion)), nil
	}, func(o *Options) { o.Budget, o.Price, o.Concurrency = b, &price, 64 })

	kinds := map[teacher.Kind]int{}
	for _, err := range crowd(known, 64, 200) {
		kinds[teacher.KindOf(err)]++
	}
	spent := b.Spent()
	if limits.USD > 0 && max(billed.USD, spent.USD) > limits.USD {
		t.Fatalf("billed $%v, counted $%v, limit $%v", billed.USD, spent.USD, limits.USD)
	}
	if limits.Tokens > 0 && max(billed.Tokens, spent.Tokens) > limits.Tokens {
		t.Fatalf("billed %d tokens, counted %d, limit %d", billed.Tokens, spent.Tokens, limits.Tokens)
	}
	if limits.Calls > 0 && max(billed.Calls, spent.Calls) > limits.Calls {
		t.Fatalf("%d calls, counted %d, limit %d", billed.Calls, spent.Calls, limits.Calls)
	}
	if limits.Time > 0 && last.Sub(start) > limits.Time {
		t.Fatalf("a call was sent after %v, limit %v", last.Sub(start), limits.Time)
	}
	if billed.USD > spent.USD+1e-9 {
		t.Fatalf("billed $%v, counted only $%v", billed.USD, spent.USD)
	}
	if left := b.Reserved(); left != (budget.Spending{}) {
		t.Fatalf("reservations left behind: %+v", left)
	}
	if kinds[teacher.Fatal]+kinds[teacher.Permanent] > 0 {
		t.Fatalf("errors of kinds %v", kinds)
	}
}
