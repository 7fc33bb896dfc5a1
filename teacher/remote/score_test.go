package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
	"github.com/seed-d24fde5f/distill/teacher/local"
)

var _ teacher.Scorer = (*Scorer)(nil)

func openScorer(t *testing.T, dialect, url string, near *local.Teacher) *Scorer {
	s, err := NewScorer(Options{BaseURL: url, Dialect: dialect, Model: "stories", KeyEnv: []string{"KEY"}, Retries: -1,
		Getenv: func(string) string { return testKey }}, func(m []distill.Message) ([]distill.Token, error) { return near.Format().Prompt(m, true) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// sglang and vllm are endpoints in front of a model, in the shapes of those servers: no texts for ids, the drawn token among
// the likeliest, nothing for the first.
func sglang(t *testing.T, near *local.Teacher) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req inputRequest
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &req); err != nil || r.URL.Path != "/generate" || !req.Logprobs || req.Sampling.MaxNewTokens != 0 {
			t.Errorf("%s %s", r.URL.Path, body)
		}
		logprobs, signal, err := near.Engine().Score(r.Context(), req.InputIDs, 1, distill.SignalSpec{Kind: distill.TopK, K: req.TopNumber})
		if err != nil {
			t.Error(err)
		}
		input, top := fmt.Sprintf("[null, %d, null]", req.InputIDs[0]), "null"
		for i, id := range req.InputIDs[1:] {
			input += fmt.Sprintf(", [%v, %d, null]", logprobs[i], id)
			var entries []string
			ids, lps := signal.At(i)
			for j := range ids {
				entries = append(entries, fmt.Sprintf("[%v, %d, null]", lps[j], ids[j]))
			}
			top += ", [" + strings.Join(entries, ", ") + "]"
		}
		fmt.Fprintf(w, `{"text": "", "meta_info": {"prompt_tokens": %d, "completion_tokens": 0, "input_token_logprobs": [%s], "input_top_logprobs": [%s]}}`,
			len(req.InputIDs), input, top)
	}
}

func vllm(t *testing.T, near *local.Teacher) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req openai.CompletionRequest
		body, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(body, &req); err != nil || r.URL.Path != "/v1/completions" || !req.Echo || *req.MaxTokens != 0 || !*req.ReturnTokensAsTokenIDs {
			t.Errorf("%s %s", r.URL.Path, body)
		}
		ids := req.Prompt.Tokens
		logprobs, signal, err := near.Engine().Score(r.Context(), ids, 1, distill.SignalSpec{Kind: distill.TopK, K: *req.Logprobs})
		if err != nil {
			t.Error(err)
		}
		name := func(id distill.Token) string { return fmt.Sprint("token_id:", id) }
		lp := openai.CompletionLogprobs{Tokens: []string{name(ids[0])}, TokenLogprobs: []*openai.Logprob{nil}, TopLogprobs: []map[string]openai.Logprob{nil}}
		for i, id := range ids[1:] {
			value := openai.Logprob(logprobs[i])
			top := map[string]openai.Logprob{name(id): value}
			likely, lps := signal.At(i)
			for j := range likely {
				top[name(likely[j])] = openai.Logprob(lps[j])
			}
			lp.Tokens, lp.TokenLogprobs, lp.TopLogprobs = append(lp.Tokens, name(id)), append(lp.TokenLogprobs, &value), append(lp.TopLogprobs, top)
		}
		length := "length"
		w.Write(encode(t, openai.CompletionResponse{Choices: []openai.CompletionChoice{{Logprobs: &lp, FinishReason: &length}}, Usage: &openai.Usage{PromptTokens: int64(len(ids))}}))
	}
}

// A server scores as the model in this process does: ours end to end, and those whose shapes are known.
func TestScore(t *testing.T) {
	url, near := serveStories(t)
	story := []distill.Message{{Role: distill.RoleUser, Content: "Once upon a time"}}
	written, err := near.Complete(t.Context(), teacher.Request{Messages: story, Sampling: distill.Sampling{Temperature: 1, MaxTokens: 40, Seed: 5},
		Signal: distill.SignalSpec{Kind: distill.TopK, K: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for dialect, at := range map[string]string{
		"distill": url,
		"vllm":    serve(t, vllm(t, near)).URL + "/v1",
		"sglang":  serve(t, sglang(t, near)).URL + "/v1",
	} {
		s := openScorer(t, dialect, at, near)
		for _, k := range []int{0, 1, 7} {
			spec := distill.SignalSpec{Kind: distill.TopK, K: k}
			if k == 0 {
				spec = distill.SignalSpec{}
			}
			want, wantSignal, err := near.Score(t.Context(), story, written.TokenIDs, spec)
			if err != nil {
				t.Fatal(err)
			}
			got, signal, err := s.Score(t.Context(), story, written.TokenIDs, spec)
			if err != nil || len(got) != len(want) || signal.Len() != wantSignal.Len() {
				t.Fatalf("%s, k %d: %d log-probabilities, %d positions: %v", dialect, k, len(got), signal.Len(), err)
			}
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 1e-4 {
					t.Errorf("%s: token %d: %v, near %v", dialect, i, got[i], want[i])
				}
				if k == 0 {
					continue
				}
				ids, lps := signal.At(i)
				wantIDs, wantLps := wantSignal.At(i)
				if !slices.Equal(ids, wantIDs) || math.Abs(float64(lps[0]-wantLps[0])) > 1e-4 {
					t.Errorf("%s: position %d has %v, near %v", dialect, i, ids, wantIDs)
				}
			}
		}
		if got, _, err := s.Score(t.Context(), story, nil, distill.SignalSpec{}); err != nil || len(got) != 0 {
			t.Errorf("%s: an empty completion: %v %v", dialect, got, err)
		}
	}
}

// What cannot be scored, or not with these tokens, is said at once and for good.
func TestScoreRefusals(t *testing.T) {
	_, near := serveStories(t)
	fatal := func(what string, err error) {
		t.Helper()
		var e *teacher.Error
		if !errors.As(err, &e) || e.Kind != teacher.Fatal {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := NewScorer(Options{Dialect: "ollama", Model: "m"}, nil)
	fatal("a server that cannot", err)
	story := []distill.Message{{Role: distill.RoleUser, Content: "Once"}}
	good := openScorer(t, "sglang", serve(t, sglang(t, near)).URL, near)
	_, _, err = good.Score(t.Context(), story, []distill.Token{5, 6}, distill.SignalSpec{Kind: distill.Sampled, K: 3})
	fatal("draws", err)
	_, _, err = good.Score(t.Context(), story, []distill.Token{5, 6}, distill.SignalSpec{Kind: distill.TopK, K: 10_000})
	fatal("too many", err)
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, `{"meta_info": {"input_token_logprobs": [[null, 1, null]`+strings.Repeat(", [-1, 99, null]", 200)+`]}}`)
	})
	_, _, err = openScorer(t, "sglang", other.URL, near).Score(t.Context(), story, []distill.Token{5, 6}, distill.SignalSpec{})
	fatal("other tokens", err)
	for name, body := range map[string]string{"short": `{"meta_info": {"input_token_logprobs": [[null, 1, null]]}}`, "pairs": `{"meta_info": {"input_token_logprobs": [[1]]}}`, "none": `{}`} {
		s := openScorer(t, "sglang", serve(t, text("application/json", body)).URL, near)
		if _, _, err := s.Score(t.Context(), story, []distill.Token{5, 6}, distill.SignalSpec{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	named := serve(t, text("application/json", `{"choices":[{"text":"","logprobs":{"tokens":["a","b","c","d","e","f","g"],"token_logprobs":[null,-1,-1,-1,-1,-1,-1]}}]}`))
	_, _, err = openScorer(t, "vllm", named.URL, near).ScoreTokens(t.Context(), []distill.Token{1, 2, 3}, 1, distill.SignalSpec{})
	fatal("no ids", err)
}
