package budget

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d24fde5f/distill/teacher"
)

// Example holds a run to five cents, whatever its calls turn out to cost.
func Example() {
	b := New(Limits{USD: 0.05}, Spending{})
	for {
		room, err := b.Reserve(context.Background(), Spending{USD: 0.02, Calls: 1})
		if err != nil {
			fmt.Println(err)
			break
		}
		room.Settle(Spending{USD: 0.015, Calls: 1}) // it cost less than it could have
	}
	fmt.Printf("%d calls for $%.3f\n", b.Spent().Calls, b.Spent().USD)
	// Output:
	// budget: limit on money ($0.05) reached
	// 3 calls for $0.045
}

// Among any callers, what is spent and reserved never passes a limit, and nothing that fits is refused.
func TestNeverExceeded(t *testing.T) {
	for run := range 200 {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(run)))
			limits := Limits{USD: r.Float64(), Tokens: r.Int64N(100_000), Calls: r.Int64N(300)}
			b := New(limits, Spending{})
			var mu sync.Mutex
			draw := func() (worst, actual Spending, delay time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				worst = Spending{USD: r.Float64() / 20, Tokens: r.Int64N(2000), Calls: 1}
				f := r.Float64()
				actual = Spending{USD: worst.USD * f, Tokens: int64(float64(worst.Tokens) * f), Calls: 1}
				return worst, actual, time.Duration(r.IntN(1000)) * time.Millisecond
			}
			var group sync.WaitGroup
			for range 64 {
				group.Go(func() {
					for range 20 {
						worst, actual, delay := draw()
						room, err := b.Reserve(t.Context(), worst)
						if err != nil {
							if teacher.KindOf(err) != teacher.Limit {
								t.Errorf("error %v", err)
							}
							return
						}
						time.Sleep(delay)
						room.Settle(actual)
						room.Settle(worst) // counts for nothing
					}
				})
			}
			group.Wait()
			spent := b.Spent()
			if limits.USD > 0 && spent.USD > limits.USD || limits.Tokens > 0 && spent.Tokens > limits.Tokens || limits.Calls > 0 && spent.Calls > limits.Calls {
				t.Fatalf("spent %+v of %+v", spent, limits)
			}
			if b.Reserved() != (Spending{}) {
				t.Fatalf("still reserved: %+v", b.Reserved())
			}
		})
	}
}

// A call that may fit once others have settled for less waits for them.
func TestWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Limits{Tokens: 100}, Spending{Tokens: 20})
		first, err := b.Reserve(t.Context(), Spending{Tokens: 70})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go func() { time.Sleep(time.Second); first.Settle(Spending{Tokens: 10}) }()
		second, err := b.Reserve(t.Context(), Spending{Tokens: 70})
		if err != nil || time.Since(start) != time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
		second.Settle(Spending{Tokens: 70})
		if _, err := b.Reserve(t.Context(), Spending{Tokens: 1}); teacher.KindOf(err) != teacher.Limit {
			t.Errorf("error %v with 100 of 100 spent", err)
		}
	})
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	b := New(Limits{Calls: 1}, Spending{})
	room, _ := b.Reserve(t.Context(), Spending{Calls: 1})
	defer room.Settle(Spending{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.Reserve(ctx, Spending{Calls: 1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Limits{Time: time.Minute}, Spending{})
		ctx, cancel := b.Context(t.Context())
		defer cancel()
		start := time.Now()
		<-ctx.Done()
		if time.Since(start) != time.Minute || !errors.Is(context.Cause(ctx), ErrTimeUp) {
			t.Errorf("ended after %v by %v", time.Since(start), context.Cause(ctx))
		}
		if _, err := b.Reserve(t.Context(), Spending{}); teacher.KindOf(err) != teacher.Limit {
			t.Errorf("error %v", err)
		}
	})
}

// Sums of prices that binary fractions cannot express come out exact.
func TestPenniesAddUp(t *testing.T) {
	b := New(Limits{USD: 0.3}, Spending{})
	for i := range 3 {
		room, err := b.Reserve(t.Context(), Spending{USD: 0.1})
		if err != nil {
			t.Fatalf("dime %d of three in 30 cents: %v", i, err)
		}
		room.Settle(Spending{USD: 0.1})
	}
	if _, err := b.Reserve(t.Context(), Spending{USD: 1e-9}); err == nil {
		t.Error("a billionth more than the limit")
	}
}

// A server that bills more than it was allowed ends the spending.
func TestOverbilled(t *testing.T) {
	b := New(Limits{USD: 1}, Spending{})
	room, _ := b.Reserve(t.Context(), Spending{USD: 0.5})
	room.Settle(Spending{USD: 2})
	if _, err := b.Reserve(t.Context(), Spending{USD: 1e-9}); teacher.KindOf(err) != teacher.Limit {
		t.Errorf("error %v", err)
	}
}

func TestNilHasNoLimits(t *testing.T) {
	var b *Budget
	room, err := b.Reserve(t.Context(), Spending{USD: 1e9})
	room.Settle(Spending{})
	ctx, cancel := b.Context(t.Context())
	defer cancel()
	if err != nil || ctx != t.Context() || b.TimeUp() != nil || b.Spent() != (Spending{}) || b.Limits() != (Limits{}) {
		t.Error("a nil budget has limits")
	}
}
