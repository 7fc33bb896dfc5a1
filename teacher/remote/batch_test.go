package remote

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/budget"
)

// batchServer keeps files and batches as the service does. outcome says how the nth batch ends, and how many of its
// requests are answered before.
type batchServer struct {
	*httptest.Server
	outcome func(n int) (status string, answered int)
	hold    bool // batches stay under way
	faults  int  // answers to lose after the work was done

	mu       sync.Mutex
	files    map[string]string
	batches  []*openai.Batch
	answered map[string]int // by custom id: how often it was worked for
}

func serveBatches(t testing.TB) *batchServer {
	s := &batchServer{files: map[string]string{}, answered: map[string]int{}, outcome: func(int) (string, int) { return "completed", 1 << 30 }}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/files", func(w http.ResponseWriter, r *http.Request) {
		f, _, err := r.FormFile("file")
		if err != nil || r.FormValue("purpose") != "batch" {
			status(400, "no file")(w, r)
			return
		}
		text, _ := io.ReadAll(f)
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Write(encode(t, openai.File{ID: s.keep(string(text))}))
	})
	mux.HandleFunc("GET /v1/files/{id}/content", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		io.WriteString(w, s.files[r.PathValue("id")])
	})
	mux.HandleFunc("POST /v1/batches", func(w http.ResponseWriter, r *http.Request) {
		var req openai.BatchRequest
		json.NewDecoder(r.Body).Decode(&req)
		s.mu.Lock()
		defer s.mu.Unlock()
		b := &openai.Batch{ID: fmt.Sprintf("batch_%d", len(s.batches)), Status: "validating", InputFileID: req.InputFileID, Metadata: req.Metadata}
		s.batches = append(s.batches, b)
		if s.faults > 0 {
			s.faults--
			reset("")(w, r)
			return
		}
		w.Write(encode(t, b))
	})
	mux.HandleFunc("GET /v1/batches/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for n, b := range s.batches {
			if b.ID == r.PathValue("id") {
				if !s.hold {
					s.finish(t, n, b)
				}
				w.Write(encode(t, b))
			}
		}
	})
	mux.HandleFunc("GET /v1/batches", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		list := openai.BatchList{}
		for _, v := range slices.Backward(s.batches) {
			list.Data = append(list.Data, *v)
		}
		w.Write(encode(t, list))
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func (s *batchServer) keep(text string) string {
	id := fmt.Sprintf("file_%d", len(s.files))
	s.files[id] = text
	return id
}

// finish ends a batch with what its outcome says; a request about "bad" is refused.
func (s *batchServer) finish(t testing.TB, n int, b *openai.Batch) {
	if b.Ended() {
		return
	}
	var out, errs strings.Builder
	state, left := s.outcome(n)
	lines := bufio.NewScanner(strings.NewReader(s.files[b.InputFileID]))
	for lines.Scan() {
		var l openai.BatchLine
		json.Unmarshal(lines.Bytes(), &l)
		switch {
		case left <= 0:
			fmt.Fprintf(&errs, `{"custom_id":%q,"response":null,"error":{"code":"batch_expired","message":"not in time"}}`+"\n", l.CustomID)
		case strings.Contains(string(l.Body), "bad"):
			fmt.Fprintf(&errs, `{"custom_id":%q,"response":{"status_code":400,"body":{"error":{"message":"bad prompt"}}},"error":null}`+"\n", l.CustomID)
		default:
			var req openai.ChatRequest
			json.Unmarshal(l.Body, &req)
			answer := strings.ReplaceAll(wholeBody("re: "+req.Messages[0].Content.Text), "\n", "")
			fmt.Fprintf(&out, `{"custom_id":%q,"response":{"status_code":200,"body":%s},"error":null}`+"\n", l.CustomID, answer)
			s.answered[l.CustomID]++
		}
		left--
	}
	b.Status, b.OutputFileID, b.ErrorFileID = state, s.keep(out.String()), s.keep(errs.String())
}

func openBatch(t testing.TB, s *batchServer, change ...func(*Options, *BatchOptions)) *Batch {
	o := Options{BaseURL: s.URL + "/v1", Model: "fake", RetryDelay: 2 * time.Millisecond, Price: &Price{Input: 1, Output: 2}}
	bo := BatchOptions{Size: 10, Gather: 250 * time.Millisecond, Poll: 5 * time.Millisecond}
	for _, c := range change {
		c(&o, &bo)
	}
	b, err := NewBatch(o, bo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// askBatch asks n questions at once and returns the errors by question.
func askBatch(t testing.TB, b *Batch, questions ...string) map[string]error {
	var mu sync.Mutex
	failed := map[string]error{}
	var group sync.WaitGroup
	for _, q := range questions {
		group.Go(func() {
			req := plain
			req.Messages = []distill.Message{{Role: distill.RoleUser, Content: q}}
			c, err := b.Complete(t.Context(), req)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[q] = err
			} else if c.Response != "re: "+q || *c.CostUSD != (7*1+6*2)/2e6 {
				t.Errorf("%s: %+v for $%v", q, c, *c.CostUSD)
			}
		})
	}
	group.Wait()
	return failed
}

func questions(n int) (q []string) {
	for i := range n {
		q = append(q, fmt.Sprintf("question %d", i))
	}
	return q
}

// Whether a server takes batches is known before anything is sent.
func TestBatchCheck(t *testing.T) {
	if err := openBatch(t, serveBatches(t)).Check(t.Context()); err != nil {
		t.Error(err)
	}
	plainServer := &batchServer{Server: serve(t, status(404, "no such route")).Server}
	err := openBatch(t, plainServer).Check(t.Context())
	var e *teacher.Error
	if !errors.As(err, &e) || e.Kind != teacher.Fatal || e.Hint != "turn batching off for this teacher" {
		t.Errorf("a server without batches: %v", err)
	}
	down := openBatch(t, serveBatches(t), func(o *Options, _ *BatchOptions) { o.BaseURL, o.Retries = "http://127.0.0.1:1/v1", -1 })
	if err := down.Check(t.Context()); err == nil {
		t.Error("a server that is down passes")
	}
}

func TestBatches(t *testing.T) {
	s := serveBatches(t)
	spent := budget.New(budget.Limits{USD: 1}, budget.Spending{})
	b := openBatch(t, s, func(o *Options, _ *BatchOptions) { o.Budget = spent })
	failed := askBatch(t, b, append(questions(24), "bad")...)
	if len(failed) != 1 || teacher.KindOf(failed["bad"]) != teacher.Permanent {
		t.Errorf("failed: %v", failed)
	}
	if len(s.batches) != 3 {
		t.Errorf("%d batches of at most 10 for 25 requests", len(s.batches))
	}
	if got := spent.Spent().USD; got < 24*19/2e6 || got > 24.01*19/2e6 {
		t.Errorf("spent $%v, want $%v", got, 24*19/2e6)
	}
}

// Batches that expire, are cancelled or lose requests give what they have; nothing is paid for twice.
func TestBatchSalvage(t *testing.T) {
	for _, end := range []string{"expired", "cancelled", "completed", "failed"} {
		s := serveBatches(t)
		s.outcome = func(n int) (string, int) {
			if n == 0 {
				return end, 4
			}
			return "completed", 1 << 30
		}
		if failed := askBatch(t, openBatch(t, s), questions(10)...); len(failed) != 0 {
			t.Errorf("%s: failed %v", end, failed)
		}
		for id, n := range s.answered {
			if n != 1 {
				t.Errorf("%s: %s was paid for %d times", end, id, n)
			}
		}
	}
}

// A batch that the server made though its answer was lost is found, not made again.
func TestBatchIsMadeOnce(t *testing.T) {
	s := serveBatches(t)
	s.faults = 1
	if failed := askBatch(t, openBatch(t, s), questions(5)...); len(failed) != 0 {
		t.Errorf("failed %v", failed)
	}
	if len(s.batches) != 1 {
		t.Errorf("%d batches for one", len(s.batches))
	}
}

// A process that dies while its batch is under way leaves nothing behind that is paid for twice.
func TestBatchIsFoundAgain(t *testing.T) {
	for _, endedMeanwhile := range []bool{false, true} {
		s := serveBatches(t)
		s.hold = true
		first := openBatch(t, s)
		died := make(chan map[string]error)
		go func() { died <- askBatch(t, first, questions(8)...) }()
		for {
			s.mu.Lock()
			n := len(s.batches)
			s.mu.Unlock()
			if n > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		first.Close()
		if failed := <-died; len(failed) != 8 {
			t.Errorf("%d of 8 calls outlived their teacher", 8-len(failed))
		}
		s.mu.Lock()
		s.hold = false
		if endedMeanwhile {
			s.finish(t, 0, s.batches[0])
		}
		s.mu.Unlock()
		if failed := askBatch(t, openBatch(t, s), questions(9)...); len(failed) != 0 {
			t.Errorf("failed %v", failed)
		}
		for id, n := range s.answered {
			if n != 1 {
				t.Errorf("%s was paid for %d times", id, n)
			}
		}
		if len(s.answered) != 9 || len(s.batches) != 2 {
			t.Errorf("%d questions worked for in %d batches, want 9 in 2", len(s.answered), len(s.batches))
		}
	}
}

// A batch that is refused as a whole says why.
func TestBatchRefused(t *testing.T) {
	s := serveBatches(t)
	s.outcome = func(int) (string, int) { return "failed", -1 << 30 }
	b := openBatch(t, s, func(o *Options, _ *BatchOptions) { o.Retries = 1 })
	failed := askBatch(t, b, questions(2)...)
	if len(failed) != 2 {
		t.Errorf("failed %v", failed)
	}
	if _, err := NewBatch(Options{Dialect: "anthropic", Model: "m", Getenv: func(string) string { return testKey }}, BatchOptions{}); teacher.KindOf(err) != teacher.Fatal {
		t.Errorf("a service without batches: %v", err)
	}
}
