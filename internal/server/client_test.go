package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/infer"
)

// The tests here ask with OpenAI's official client.

func client(url string, more ...option.RequestOption) openai.Client {
	return openai.NewClient(append([]option.RequestOption{option.WithBaseURL(url + "/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0)}, more...)...)
}

func greedy(n int64) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model: "stories", Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Once upon a time")},
		Temperature: openai.Float(0), MaxCompletionTokens: openai.Int(n),
	}
}

func TestOfficialClientChat(t *testing.T) {
	m := openStories(t)
	_, url := start(t, Options{Models: []Model{m}})
	c := client(url)
	got, err := c.Chat.Completions.New(t.Context(), greedy(20))
	if err != nil {
		t.Fatal(err)
	}
	prompt, _ := m.Prompt([]distill.Message{{Content: "Once upon a time"}}, true)
	want, err := m.Engine.Generate(t.Context(), infer.Request{Prompt: prompt, Sampling: distill.Sampling{MaxTokens: 20}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Choices) != 1 || got.Choices[0].Message.Content != want.Text || got.Choices[0].FinishReason != want.FinishReason {
		t.Errorf("got %+v, want %+v", got.Choices, want)
	}
	if got.Usage.PromptTokens != int64(len(prompt)) || got.Usage.CompletionTokens != 20 || got.Usage.TotalTokens != int64(len(prompt))+20 {
		t.Errorf("usage %+v", got.Usage)
	}
	if got.Object != "chat.completion" || got.Model != "stories" || !strings.HasPrefix(got.ID, "chatcmpl-") {
		t.Errorf("got %s %s %s", got.Object, got.Model, got.ID)
	}
}

func TestOfficialClientStream(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	whole, err := c.Chat.Completions.New(t.Context(), greedy(24))
	if err != nil {
		t.Fatal(err)
	}
	params := greedy(24)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(3)
	stream := c.Chat.Completions.NewStreaming(t.Context(), params)
	var acc openai.ChatCompletionAccumulator
	chunks := 0
	for stream.Next() {
		if !acc.AddChunk(stream.Current()) {
			t.Fatal("the client cannot add up the chunks")
		}
		chunks++
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if got := acc.Choices[0].Message.Content; got != whole.Choices[0].Message.Content {
		t.Errorf("streamed %q, whole %q", got, whole.Choices[0].Message.Content)
	}
	if chunks < 12 {
		t.Errorf("24 tokens came in %d chunks: that is no stream", chunks)
	}
	if acc.Usage.CompletionTokens != 24 || acc.Choices[0].FinishReason != "length" {
		t.Errorf("usage %+v, finish reason %q", acc.Usage, acc.Choices[0].FinishReason)
	}
	if n := len(acc.Choices[0].Logprobs.Content); n != 24 {
		t.Errorf("log-probabilities of %d tokens", n)
	}
}

func TestOfficialClientLogprobs(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	params := greedy(10)
	params.Logprobs, params.TopLogprobs = openai.Bool(true), openai.Int(5)
	got, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	content := got.Choices[0].Logprobs.Content
	if len(content) != 10 {
		t.Fatalf("%d positions", len(content))
	}
	var text []byte
	for i, p := range content {
		var ours struct {
			ID *int `json:"id"`
		}
		if json.Unmarshal([]byte(p.RawJSON()), &ours) != nil || ours.ID == nil {
			t.Fatalf("position %d has no id: %s", i, p.RawJSON())
		}
		for _, b := range p.Bytes {
			text = append(text, byte(b))
		}
		if len(p.TopLogprobs) != 5 || p.TopLogprobs[0].Token != p.Token || math.Abs(p.TopLogprobs[0].Logprob-p.Logprob) > 1e-4 {
			t.Errorf("position %d: greedy drew %q (%v), best are %+v", i, p.Token, p.Logprob, p.TopLogprobs)
		}
		sum := 0.0
		for _, top := range p.TopLogprobs {
			sum += math.Exp(top.Logprob)
		}
		if sum > 1.0001 {
			t.Errorf("position %d: probabilities sum to %v", i, sum)
		}
	}
	if string(text) != got.Choices[0].Message.Content {
		t.Errorf("bytes say %q, content says %q", text, got.Choices[0].Message.Content)
	}
}

func TestOfficialClientSeedsStopsAndChoices(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	ask := func(seed int64, change func(*openai.ChatCompletionNewParams)) []string {
		p := greedy(30)
		p.Temperature, p.Seed = openai.Float(1), openai.Int(seed)
		if change != nil {
			change(&p)
		}
		got, err := c.Chat.Completions.New(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, choice := range got.Choices {
			texts = append(texts, choice.Message.Content)
		}
		return texts
	}
	if a, b := ask(1, nil), ask(1, nil); a[0] != b[0] {
		t.Errorf("seed 1 wrote %q, then %q", a[0], b[0])
	}
	if a, b := ask(1, nil), ask(2, nil); a[0] == b[0] {
		t.Errorf("seeds 1 and 2 both wrote %q", a[0])
	}
	three := ask(1, func(p *openai.ChatCompletionNewParams) { p.N = openai.Int(3) })
	if want := []string{ask(1, nil)[0], ask(2, nil)[0], ask(3, nil)[0]}; !slices.Equal(three, want) {
		t.Errorf("three choices %q, want those of seeds 1, 2, 3: %q", three, want)
	}
	whole := ask(1, nil)[0]
	stop := whole[len(whole)/2 : len(whole)/2+3]
	cut := ask(1, func(p *openai.ChatCompletionNewParams) { p.Stop.OfString = openai.String(stop) })[0]
	if before, _, _ := strings.Cut(whole, stop); cut != before {
		t.Errorf("stopped at %q: %q, want %q", stop, cut, before)
	}
}

func TestOfficialClientCompletions(t *testing.T) {
	m := openStories(t)
	_, url := start(t, Options{Models: []Model{m}})
	c := client(url)
	params := openai.CompletionNewParams{Model: "stories", Prompt: openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time")},
		MaxTokens: openai.Int(8), Temperature: openai.Float(0), Logprobs: openai.Int(2), Echo: openai.Bool(true)}
	got, err := c.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	choice := got.Choices[0]
	if !strings.HasPrefix(choice.Text, "Once upon a time,") {
		t.Errorf("text %q", choice.Text)
	}
	lp := choice.Logprobs
	var ours struct {
		TokenIDs      []distill.Token `json:"token_ids"`
		TokenLogprobs []*float32      `json:"token_logprobs"`
	}
	if err := json.Unmarshal([]byte(lp.RawJSON()), &ours); err != nil {
		t.Fatal(err)
	}
	if len(lp.Tokens) != len(ours.TokenIDs) || ours.TokenLogprobs[0] != nil || ours.TokenLogprobs[1] == nil {
		t.Fatalf("log-probabilities %s", lp.RawJSON())
	}
	want, _, err := m.Engine.Score(t.Context(), ours.TokenIDs, 1, distill.SignalSpec{})
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if math.Abs(float64(w-*ours.TokenLogprobs[i+1])) > 1e-3 {
			t.Errorf("token %d: %v, scored %v", i+1, *ours.TokenLogprobs[i+1], w)
		}
	}
	// The same prompt as ids, scored only.
	params.Prompt = openai.CompletionNewParamsPromptUnion{OfArrayOfTokens: []int64{1, 403, 407}}
	params.MaxTokens = openai.Int(0)
	got, err = c.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.Choices[0].Logprobs.Tokens); n != 3 {
		t.Errorf("log-probabilities of %d tokens of a prompt of 3", n)
	}
	// Streamed.
	params.Prompt, params.MaxTokens, params.Echo = openai.CompletionNewParamsPromptUnion{OfString: openai.String("Once upon a time")}, openai.Int(8), openai.Bool(false)
	stream := c.Completions.NewStreaming(t.Context(), params)
	text := ""
	for stream.Next() {
		text += stream.Current().Choices[0].Text
	}
	if stream.Err() != nil || "Once upon a time"+text != choice.Text {
		t.Errorf("streamed %q, %v; whole %q", text, stream.Err(), choice.Text)
	}
}

func TestOfficialClientModels(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	list, err := c.Models.List(t.Context())
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != "stories" {
		t.Errorf("models %+v, %v", list, err)
	}
	one, err := c.Models.Get(t.Context(), "stories")
	if err != nil || one.ID != "stories" {
		t.Errorf("model %+v, %v", one, err)
	}
}

// What cannot be done is refused by a status and in words that the official client shows.
func TestOfficialClientErrors(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}, Token: "secret", MaxBody: 4 << 10})
	right, wrong := client(url, option.WithAPIKey("secret")), client(url)
	for name, test := range map[string]struct {
		client openai.Client
		change func(*openai.ChatCompletionNewParams)
		status int
		word   string
	}{
		"wrong token":   {wrong, func(*openai.ChatCompletionNewParams) {}, 401, "token"},
		"unknown model": {right, func(p *openai.ChatCompletionNewParams) { p.Model = "gpt-4o" }, 404, "does not exist"},
		"temperature":   {right, func(p *openai.ChatCompletionNewParams) { p.Temperature = openai.Float(-1) }, 400, "temperature"},
		"no messages":   {right, func(p *openai.ChatCompletionNewParams) { p.Messages = []openai.ChatCompletionMessageParamUnion{} }, 400, "at least one"},
		"top_logprobs": {right, func(p *openai.ChatCompletionNewParams) {
			p.Logprobs, p.TopLogprobs = openai.Bool(true), openai.Int(1000)
		}, 400, "between 0 and"},
		"long prompt": {right, func(p *openai.ChatCompletionNewParams) {
			p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(strings.Repeat("word ", 600))}
		}, 400, "no room"},
		"long body": {right, func(p *openai.ChatCompletionNewParams) {
			p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage(strings.Repeat("word ", 6000))}
		}, 413, "larger"},
		"stop in JSON": {right, func(p *openai.ChatCompletionNewParams) {
			p.ResponseFormat.OfJSONObject = new(openai.ResponseFormatJSONObjectParam)
			p.Stop.OfString = openai.String("}")
		}, 400, "could cut the JSON"},
		"JSON of distinct items": {right, func(p *openai.ChatCompletionNewParams) {
			p.ResponseFormat = schemaFormat(map[string]any{"type": "array", "uniqueItems": true})
		}, 400, "cannot be guaranteed"},
		"image": {right, func(p *openai.ChatCompletionNewParams) {
			p.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: "data:,"})})}
		}, 400, "image_url"},
		"presence": {right, func(p *openai.ChatCompletionNewParams) { p.PresencePenalty = openai.Float(1) }, 400, "presence_penalty"},
	} {
		params := greedy(4)
		test.change(&params)
		_, err := test.client.Chat.Completions.New(t.Context(), params)
		var e *openai.Error
		if !errors.As(err, &e) || e.StatusCode != test.status || !strings.Contains(e.Message, test.word) {
			t.Errorf("%s: %v, want %d about %q", name, err, test.status, test.word)
		}
	}
	_, err := right.Embeddings.New(t.Context(), openai.EmbeddingNewParams{Model: "stories", Input: openai.EmbeddingNewParamsInputUnion{OfString: openai.String("x")}})
	var e *openai.Error
	if !errors.As(err, &e) || e.StatusCode != http.StatusNotImplemented {
		t.Errorf("embeddings: %v", err)
	}
}

// Many at once must get the same as one alone.
func TestManyAtOnce(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	alone, err := c.Chat.Completions.New(t.Context(), greedy(16))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 24 {
		group.Go(func() {
			got, err := c.Chat.Completions.New(context.Background(), greedy(16))
			if err != nil || got.Choices[0].Message.Content != alone.Choices[0].Message.Content {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	group.Wait()
}
