package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/teacher"
)

func TestTableIsSane(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dialects {
		if seen[d.Name] || d.Name == "" {
			t.Errorf("name %q is empty or used twice", d.Name)
		}
		seen[d.Name] = true
		if wires[d.Wire] == nil || d.MaxTokens == "" || d.MaxStops == 0 || d.Concurrency == 0 {
			t.Errorf("%s: %+v lacks something", d.Name, d)
		}
		if len(d.Notes) == 0 {
			t.Errorf("%s: no note says where its facts are from", d.Name)
		}
		for _, h := range d.Hosts {
			if GuessDialect("https://"+h+"/v1").Name != d.Name || GuessDialect("https://eu."+h).Name != d.Name {
				t.Errorf("host %s is not recognised", h)
			}
		}
		if d.BaseURL != "" && d.KeyEnv != "" && GuessDialect(d.BaseURL).Name != d.Name {
			t.Errorf("%s is not recognised by its own base URL", d.Name)
		}
	}
	for url, want := range map[string]string{
		"http://localhost:11434": "ollama-native", "http://pi:11434/v1": "ollama", "http://localhost:9999/v1": "openai-compatible",
		"https://evil-api.openai.com.example.org": "openai-compatible", "https://notopenrouter.ai": "openai-compatible", "": "openai-compatible",
	} {
		if got := GuessDialect(url).Name; got != want {
			t.Errorf("%s is taken for %s, want %s", url, got, want)
		}
	}
}

func TestPrices(t *testing.T) {
	for _, test := range []struct {
		dialect, model string
		input          float64
		ok             bool
	}{
		{"openai", "gpt-4o-mini", 0.15, true},
		{"openai", "gpt-4o-mini-2024-07-18", 0.15, true},
		{"openai", "gpt-5-pro", 0, false},
		{"anthropic", "claude-haiku-4-5-latest", 1, true},
		{"anthropic", "claude-haiku-4-5-20251001", 1, true},
		{"anthropic", "claude-haiku-4", 0, false},
		{"vllm", "anything", 0, true},
		{"openai-compatible", "gpt-4o-mini", 0, false},
	} {
		d, _ := DialectNamed(test.dialect)
		p, ok := ListPrice(d, test.model)
		if ok != test.ok || p.Input != test.input {
			t.Errorf("%s %s: %+v, %v", test.dialect, test.model, p, ok)
		}
	}
	p := Price{Input: 2, CachedInput: 1, Output: 10}
	if got := p.Cost(3e6, 1e6, 1e5); got != 2*2+1+1 {
		t.Errorf("cost %v", got)
	}
	p.Long = LongPrice{From: 1000, Input: 4, Output: 20}
	if short, long := p.Cost(1000, 0, 0), p.Cost(1001, 1001, 1e6); short != 0.002 || long != 20+1001*2e-6 {
		t.Errorf("%v for a prompt of 1000 tokens, %v for one more, out of the cache", short, long)
	}
	for _, p := range prices {
		if err := p.price.validate(); err != nil || p.price.Input <= 0 || p.price.Output < p.price.Input || p.price.CachedInput > p.price.Input ||
			p.date == "" || priceSources[p.dialect] == "" || p.price.Long.From > 0 && p.price.Long.Input <= p.price.Input {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// full uses every sampling setting.
var full = teacher.Request{
	Messages: []distill.Message{{Role: "system", Content: "Be brief."}, {Role: "user", Content: "2+2?"}},
	Sampling: distill.Sampling{Temperature: 0.7, TopP: 0.9, TopK: 40, MinP: 0.05, RepetitionPenalty: 1.1, MaxTokens: 99, Stop: []string{"END"}, Seed: 7},
	Signal:   distill.SignalSpec{Kind: distill.TopK, K: 5},
}

// Each dialect's request, with every setting it can express, and nothing it would refuse.
func TestRequests(t *testing.T) {
	for name, want := range map[string]struct {
		without []string // settings that the dialect lacks
		model   string
		path    string
		body    string
	}{
		"openai": {[]string{"top_k", "min_p", "repetition_penalty"}, "gpt-4o", "/chat/completions",
			`{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,"stream_options":{"include_usage":true},
			"temperature":0.7,"top_p":0.9,"max_completion_tokens":99,"stop":["END"],"seed":7}`},
		"deepseek": {[]string{"top_k", "min_p", "repetition_penalty"}, "deepseek-reasoner", "/chat/completions",
			`{"model":"deepseek-reasoner","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,"stream_options":{"include_usage":true},
			"max_tokens":99,"stop":["END"]}`},
		"mistral": {[]string{"top_k", "min_p", "repetition_penalty"}, "mistral-small-latest", "/chat/completions",
			`{"model":"mistral-small-latest","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,
			"temperature":0.7,"top_p":0.9,"max_tokens":99,"stop":["END"],"random_seed":7}`},
		"vllm": {nil, "qwen", "/chat/completions",
			`{"model":"qwen","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,"stream_options":{"include_usage":true},
			"temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,"repetition_penalty":1.1,"max_tokens":99,"stop":["END"],"seed":7,
			"logprobs":true,"top_logprobs":5,"return_tokens_as_token_ids":true}`},
		"sglang": {nil, "qwen", "/chat/completions",
			`{"model":"qwen","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],
			"temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,"repetition_penalty":1.1,"max_tokens":99,"stop":["END"],"seed":7,
			"logprobs":true,"top_logprobs":5,"return_meta_info":true}`},
		"together": {nil, "meta/x", "/chat/completions",
			`{"model":"meta/x","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,"stream_options":{"include_usage":true},
			"temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,"repetition_penalty":1.1,"max_tokens":99,"stop":["END"],"seed":7,"logprobs":1}`},
		"llama.cpp": {nil, "q", "/chat/completions",
			`{"model":"q","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,"stream_options":{"include_usage":true},
			"temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,"repeat_penalty":1.1,"max_tokens":99,"stop":["END"],"seed":7,"logprobs":true,"top_logprobs":5}`},
		"anthropic": {[]string{"min_p", "repetition_penalty"}, "claude-x", "/messages",
			`{"model":"claude-x","system":"Be brief.","messages":[{"role":"user","content":"2+2?"}],"stream":true,
			"temperature":0.7,"top_p":0.9,"top_k":40,"max_tokens":99,"stop_sequences":["END"]}`},
		"gemini": {[]string{"min_p", "repetition_penalty"}, "gemini-x", "/models/gemini-x:streamGenerateContent?alt=sse",
			`{"systemInstruction":{"parts":[{"text":"Be brief."}]},"contents":[{"role":"user","parts":[{"text":"2+2?"}]}],
			"generationConfig":{"temperature":0.7,"topP":0.9,"topK":40,"maxOutputTokens":99,"stopSequences":["END"],"seed":7,"responseLogprobs":true,"logprobs":5}}`},
		"ollama-native": {nil, "llama3", "/api/chat",
			`{"model":"llama3","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"2+2?"}],"stream":true,
			"options":{"temperature":0.7,"top_p":0.9,"top_k":40,"min_p":0.05,"repeat_penalty":1.1,"num_predict":99,"stop":["END"],"seed":7}}`},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := DialectNamed(name)
			known, err := New(Options{Dialect: name, Model: want.model, Getenv: func(string) string { return testKey }})
			if err != nil {
				t.Fatal(err)
			}
			defer known.Close()
			req := full
			for _, field := range []string{"top_k", "min_p", "repetition_penalty"} {
				_, err := known.prepare(req)
				if lacks := strings.Contains(strings.Join(want.without, " "), field); lacks != (err != nil && strings.Contains(err.Error(), field)) {
					t.Errorf("%s: lacking is %v, error %v", field, lacks, err)
				} else if !lacks {
					continue
				}
				switch field {
				case "top_k":
					req.Sampling.TopK = 0
				case "min_p":
					req.Sampling.MinP = 0
				case "repetition_penalty":
					req.Sampling.RepetitionPenalty = 1
				}
			}
			c, err := known.prepare(req)
			if err != nil {
				t.Fatal(err)
			}
			request, err := known.newRequest(key{value: testKey}, c)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimPrefix(request.URL.String(), d.BaseURL); got != want.path {
				t.Errorf("path %s, want %s", got, want.path)
			}
			body, _ := io.ReadAll(request.Body)
			if diff := cmp.Diff(object(t, want.body), object(t, string(body))); diff != "" {
				t.Errorf("body differs (-want +got):\n%s", diff)
			}
		})
	}
}

// Servers that would fill in what a request leaves out are told that nothing is cut off the distribution.
func TestNothingIsFilledIn(t *testing.T) {
	for name, want := range map[string]string{
		"vllm":          `"top_p":1,"top_k":-1,"min_p":0,"repetition_penalty":1`,
		"sglang":        `"top_p":1,"top_k":-1,"min_p":0,"repetition_penalty":1`,
		"llama.cpp":     `"top_p":1,"top_k":0,"min_p":0,"repeat_penalty":1`,
		"ollama-native": `"top_p":1,"top_k":0,"min_p":0,"repeat_penalty":1`,
	} {
		known, err := New(Options{Dialect: name, Model: "m"})
		if err != nil {
			t.Fatal(err)
		}
		defer known.Close()
		c, err := known.prepare(teacher.Request{Messages: full.Messages, Sampling: distill.Sampling{Temperature: 1}})
		if err != nil {
			t.Fatal(err)
		}
		request, err := known.newRequest(key{}, c)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(request.Body)
		got := object(t, string(body))
		if options, nested := got["options"].(map[string]any); nested {
			got = options
		}
		for setting, value := range object(t, "{"+want+"}") {
			if got[setting] != value {
				t.Errorf("%s: %s is %v, want %v", name, setting, got[setting], value)
			}
		}
	}
}

func object(t *testing.T, text string) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestExtraFields(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := object(t, string(body))
		if got["reasoning_effort"] != "low" || got["temperature"] != 1.0 || got["stream_options"].(map[string]any)["include_usage"] != true ||
			got["stream_options"].(map[string]any)["x"] != true || r.Header.Get("X-Title") != "test" {
			t.Errorf("body %s, headers %v", body, r.Header)
		}
		streamed(w, r)
	})
	known := open(t, s, func(o *Options) {
		o.Headers = map[string]string{"X-Title": "test"}
		o.Extra = map[string]any{"reasoning_effort": "low", "temperature": 1, "stream_options": map[string]any{"x": true}}
	})
	if _, err := ask(t, known); err != nil {
		t.Fatal(err)
	}
}

// Answers as the documentation of each service shows them.
func TestAnswers(t *testing.T) {
	top := `[{"token":"token_id:19","logprob":-0.25},{"token":"token_id:20","logprob":-1.75}]`
	for name, test := range map[string]struct {
		dialect string
		model   string
		body    string
		want    distill.Completion
	}{
		"vLLM ids": {"vllm", "q", `{"choices":[{"message":{"content":"4"},"logprobs":{"content":[
			{"token":"token_id:19","logprob":-0.25,"bytes":[52],"top_logprobs":` + top + `},
			{"token":"token_id:20","logprob":-1.75,"bytes":null,"top_logprobs":` + top + `}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}`,
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 2, CostUSD: new(float64),
				TokenIDs: []int32{19, 20}, TokenLogprobs: []float32{-0.25, -1.75},
				Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{2, 4}, IDs: []int32{19, 20, 19, 20}, Logprobs: []float32{-0.25, -1.75, -0.25, -1.75}}}},
		"llama.cpp ids, out of order, with an impossible one": {"llama.cpp", "q", `{"choices":[{"message":{"content":"4"},"logprobs":{"content":[
			{"id":19,"token":"4","logprob":-0.25,"top_logprobs":[{"id":5,"token":"x","logprob":null},{"id":20,"token":"5","logprob":-1.75},{"id":19,"token":"4","logprob":-0.25},{"id":7,"token":"","logprob":-9999.0}]}]},
			"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}`,
			distill.Completion{Response: "4", FinishReason: "length", PromptTokens: 9, CompletionTokens: 1, CostUSD: new(float64), TokenIDs: []int32{19}, TokenLogprobs: []float32{-0.25},
				Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{2}, IDs: []int32{19, 20}, Logprobs: []float32{-0.25, -1.75}}}},
		"texts are no ids": {"vllm", "q", `{"choices":[{"message":{"content":"4"},"logprobs":{"content":[{"token":"4","logprob":-0.25,"top_logprobs":[{"token":"4","logprob":-0.25}]}]},
			"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}`,
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 1, CostUSD: new(float64)}},
		"DeepSeek reasoner": {"deepseek", "deepseek-reasoner", "\n\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":null,\"reasoning_content\":\"2+2\"}}]}\n\n: keep-alive\n\n" +
			"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"4\",\"reasoning_content\":null},\"finish_reason\":null}]}\n\n" +
			"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1000000,\"completion_tokens\":1000000,\"prompt_cache_hit_tokens\":1000000,\"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\ndata: [DONE]\n\n",
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 1e6, CompletionTokens: 1e6, ReasoningTokens: 3, CostUSD: new(0.006 + 1.2)}},
		"vLLM's newer name of thinking": {"vllm", "q", `{"choices":[{"message":{"content":"4","reasoning":"2+2"},"finish_reason":"stop","stop_reason":null}],"usage":{"prompt_tokens":9,"completion_tokens":4}}`,
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3, CostUSD: new(float64)}},
		"SGLang ids": {"sglang", "q", `{"choices":[{"message":{"content":"4","reasoning_content":"2+2"},"logprobs":{"content":[{"token":"4","bytes":[52],"logprob":-0.25,"top_logprobs":[]}]},"finish_reason":"stop","matched_stop":2,
			"meta_info":{"id":"x","output_token_logprobs":[[-0.25,19,"4"],[0,2,null]],"output_top_logprobs":[[[-0.25,19,"4"],[-1.75,20,"5"]],[[0,2,null],[null,3,null]]]}}],
			"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,"reasoning_tokens":1}}`,
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 2, ReasoningTokens: 1, CostUSD: new(float64),
				TokenIDs: []int32{19, 2}, TokenLogprobs: []float32{-0.25, 0},
				Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{2, 3}, IDs: []int32{19, 20, 2}, Logprobs: []float32{-0.25, -1.75, 0}}}},
		"Together": {"together", "meta/x", `{"choices":[{"index":0,"logprobs":{"tokens":["4","<|eot|>"],"token_logprobs":[-0.25,-2e-6],"token_ids":[19,2],"top_logprobs":[{"4":-0.25},{"<|eot|>":-2e-6}]},
			"finish_reason":"eos","message":{"role":"assistant","content":"4"}}],"usage":{"prompt_tokens":9,"completion_tokens":2}}`,
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 2, TokenIDs: []int32{19, 2}, TokenLogprobs: []float32{-0.25, -2e-6}}},
		"Together stream": {"together", "meta/x", "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"4\",\"token_id\":19},\"logprobs\":-0.25}]}\n\n" +
			"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\",\"token_id\":2},\"logprobs\":-0.5,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 2, TokenIDs: []int32{19, 2}, TokenLogprobs: []float32{-0.25, -0.5}}},
		"Fireworks ids": {"openai-compatible", "q", `{"choices":[{"message":{"content":"4"},"logprobs":{"content":[{"token":"4","token_id":19,"logprob":-0.25,"top_logprobs":[{"token":"4","token_id":19,"logprob":-0.25}]}]},
			"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}`,
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 1, TokenIDs: []int32{19}, TokenLogprobs: []float32{-0.25},
				Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{1}, IDs: []int32{19}, Logprobs: []float32{-0.25}}}},
		"OpenRouter cost": {"openrouter", "x/y", `{"choices":[{"message":{"content":"4","reasoning":"2+2"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4,"cost":0.0125}}`,
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3, CostUSD: new(0.0125)}},
		"Mistral thinking parts": {"mistral", "magistral-x", `{"choices":[{"message":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"2+2"}]},{"type":"text","text":"4"}]},
			"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":4}}`,
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3}},
		"Anthropic": {"anthropic", "claude-x", `{"type":"message","model":"claude-x","content":[{"type":"thinking","thinking":"2+2"},{"type":"text","text":"4"}],"stop_reason":"max_tokens",
			"usage":{"input_tokens":5,"cache_read_input_tokens":4,"output_tokens":4}}`,
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "length", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3}},
		"Anthropic stream": {"anthropic", "claude-x", "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-x\",\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n" +
			"event: ping\ndata: {\"type\":\"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"4\"}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":4}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
			distill.Completion{Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4}},
		"Gemini stream": {"gemini", "gemini-x", "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"2+2\",\"thought\":true}]}}]}\r\n\r\n" +
			"data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"4\"}]},\"finishReason\":\"STOP\",\"logprobsResult\":{\"topCandidates\":[{\"candidates\":[{\"token\":\"4\",\"tokenId\":19,\"logProbability\":-0.25}]}]," +
			"\"chosenCandidates\":[{\"token\":\"4\",\"tokenId\":19,\"logProbability\":-0.25}]}}],\"usageMetadata\":{\"promptTokenCount\":9,\"candidatesTokenCount\":1,\"thoughtsTokenCount\":3}}\r\n\r\n",
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3, TokenIDs: []int32{19}, TokenLogprobs: []float32{-0.25},
				Signal: &distill.Signal{Kind: distill.TopK, Ends: []int32{1}, IDs: []int32{19}, Logprobs: []float32{-0.25}}}},
		"Ollama lines": {"ollama-native", "llama3", "{\"model\":\"llama3\",\"message\":{\"role\":\"assistant\",\"content\":\"\",\"thinking\":\"2+2\"},\"done\":false}\n{\"message\":{\"content\":\"4\"},\"done\":false}\n" +
			"{\"model\":\"llama3\",\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":9,\"eval_count\":4}\n",
			distill.Completion{Reasoning: "2+2", Response: "4", FinishReason: "stop", PromptTokens: 9, CompletionTokens: 4, ReasoningTokens: 3, CostUSD: new(float64)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, text("", test.body))
			known := open(t, s, func(o *Options) { o.BaseURL, o.Dialect, o.Model = s.URL, test.dialect, test.model })
			req := plain
			if known.signals() || known.dialect.ChosenIDs {
				req.Signal = distill.SignalSpec{Kind: distill.TopK, K: 3}
			}
			got, err := known.Complete(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			test.want.Teacher, test.want.Latency = test.model, got.Latency
			if diff := cmp.Diff(test.want, *got, cmp.Comparer(func(a, b *float64) bool {
				return a == b || a != nil && b != nil && fmt.Sprintf("%.12f", *a) == fmt.Sprintf("%.12f", *b)
			})); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignalsAreChecked(t *testing.T) {
	for _, test := range []struct {
		dialect string
		spec    distill.SignalSpec
		want    string
	}{
		{"vllm", distill.SignalSpec{Kind: distill.TopK, K: 21}, "1 to 20"},
		{"vllm", distill.SignalSpec{Kind: distill.Sampled, K: 12}, "no sampled signal"},
		{"vllm", distill.SignalSpec{Kind: "all", K: 12}, "unknown signal"},
	} {
		known, err := New(Options{Dialect: test.dialect, Model: "m", Getenv: func(string) string { return testKey }})
		if err != nil {
			t.Fatal(err)
		}
		req := plain
		req.Signal = test.spec
		if _, err := known.Complete(t.Context(), req); teacher.KindOf(err) != teacher.Fatal || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %+v: error %v", test.dialect, test.spec, err)
		}
		known.Close()
	}
}

// A truncated answer is kept, asked again with more room, or gone on with; all that was paid for is counted.
func TestTruncation(t *testing.T) {
	cut := text("application/json", strings.Replace(wholeBody("Two and two "), `"stop"`, `"length"`, 1))
	rest := text("application/json", wholeBody("is four."))
	for _, test := range []struct {
		policy    Truncation
		second    http.HandlerFunc
		response  string
		requests  int
		limit     int // of the last request
		completed int32
	}{
		{Keep, whole, "Two and two ", 1, 16, 6},
		{MoreRoom, whole, answerText, 2, 32, 6},
		{Continue, rest, answerText, 2, 16, 12},
	} {
		t.Run(string(test.policy), func(t *testing.T) {
			s := serve(t, cut, test.second)
			known := open(t, s, func(o *Options) { o.Dialect, o.OnTruncated, o.MaxOutput = "vllm", test.policy, 64 })
			c, err := ask(t, known)
			if err != nil {
				t.Fatal(err)
			}
			if c.Response != test.response || s.count() != test.requests || c.CompletionTokens != test.completed || c.PromptTokens != int32(7*test.requests) {
				t.Errorf("%d requests gave %+v", s.count(), c)
			}
			last := s.requests[len(s.requests)-1]
			if *last.MaxTokens != test.limit {
				t.Errorf("last request for %d tokens, want %d", *last.MaxTokens, test.limit)
			}
			if test.policy == Continue && (last.ContinueFinalMessage == nil || last.Messages[len(last.Messages)-1].Content.Text != "Two and two ") {
				t.Errorf("continued with %+v", last)
			}
		})
	}
}
