package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"

	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/infer"
	"github.com/seed-d24fde5f/distill/teacher/builtin"
)

func schemaFormat(schema map[string]any) openai.ChatCompletionNewParamsResponseFormatUnion {
	return openai.ChatCompletionNewParamsResponseFormatUnion{OfJSONSchema: &openai.ResponseFormatJSONSchemaParam{
		JSONSchema: openai.ResponseFormatJSONSchemaJSONSchemaParam{Name: "answer", Strict: openai.Bool(true), Schema: schema}}}
}

// story is what answers are to look like: short enough that a teller of stories always comes to an end.
var story = map[string]any{
	"type": "object", "additionalProperties": false, "required": []string{"title", "mood", "pages"},
	"properties": map[string]any{
		"title": map[string]any{"type": "string", "maxLength": 12}, "mood": map[string]any{"enum": []string{"happy", "sad"}},
		"pages": map[string]any{"type": "array", "items": map[string]any{"type": "integer"}, "maxItems": 3}},
}

// TestJSONMode: however the draws fall, an answer that ended by itself is a JSON object, and one that did not says length.
func TestJSONMode(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	whole := 0
	for seed := range int64(12) {
		params := greedy(60)
		params.Temperature, params.Seed, params.N = openai.Float(float64(seed%3)), openai.Int(seed), openai.Int(4)
		params.ResponseFormat.OfJSONObject = new(openai.ResponseFormatJSONObjectParam)
		got, err := c.Chat.Completions.New(t.Context(), params)
		if err != nil {
			t.Fatal(err)
		}
		for _, choice := range got.Choices {
			text := choice.Message.Content
			switch choice.FinishReason {
			case "stop":
				whole++
				var object map[string]any
				if err := json.Unmarshal([]byte(text), &object); err != nil {
					t.Errorf("%q: %v", text, err)
				}
			case "length":
				if !strings.HasPrefix(text, "{") || json.Valid([]byte(text)) {
					t.Errorf("cut off: %q", text)
				}
			default:
				t.Errorf("%q ended by %q", text, choice.FinishReason)
			}
		}
	}
	if whole == 0 {
		t.Error("no answer came to its end")
	}
}

func TestJSONSchema(t *testing.T) {
	_, url := start(t, Options{Models: []Model{openStories(t)}})
	c := client(url)
	for seed := range int64(8) {
		params := greedy(400)
		params.Temperature, params.Seed = openai.Float(1), openai.Int(seed)
		params.ResponseFormat = schemaFormat(story)
		stream := c.Chat.Completions.NewStreaming(t.Context(), params)
		var acc openai.ChatCompletionAccumulator
		for stream.Next() {
			acc.AddChunk(stream.Current())
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Title *string
			Mood  string
			Pages []int
		}
		d := json.NewDecoder(strings.NewReader(acc.Choices[0].Message.Content))
		d.DisallowUnknownFields()
		err := d.Decode(&answer)
		if err != nil || acc.Choices[0].FinishReason != "stop" || answer.Title == nil || answer.Pages == nil || len(answer.Pages) > 3 || answer.Mood != "happy" && answer.Mood != "sad" {
			t.Errorf("%q: %v, ended by %q", acc.Choices[0].Message.Content, err, acc.Choices[0].FinishReason)
		}
	}
}

// TestJSONAfterThinking: a model that thinks first does so freely, and its answer is held to the schema.
func TestJSONAfterThinking(t *testing.T) {
	weights, err := builtin.Model("reasoner")
	if err != nil {
		t.Fatal(err)
	}
	defer weights.Close()
	format, err := chat.New(weights.Tokenizer, weights.Template)
	if err != nil {
		t.Fatal(err)
	}
	ready, err := infer.New(weights, infer.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	engine := infer.NewEngine(ready, infer.EngineOptions{Slots: 2})
	defer func() { engine.Close(); ready.Close() }()
	_, url := start(t, Options{Models: []Model{{Name: "stories", Engine: engine, Tokenizer: format.Tok, Prompt: format.Prompt, EndTokens: format.Stops(), Context: ready.Context()}}})
	params := greedy(200)
	params.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Tom has 34 apples. He buys 24 more. How many apples does he have?")}
	params.ResponseFormat = schemaFormat(map[string]any{"type": "object", "properties": map[string]any{"apples": map[string]any{"type": "integer"}}, "required": []string{"apples"}})
	c := client(url)
	got, err := c.Chat.Completions.New(t.Context(), params)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]int
	if err := json.Unmarshal([]byte(got.Choices[0].Message.Content), &answer); err != nil || len(answer) != 1 || got.Choices[0].FinishReason != "stop" {
		t.Errorf("%q, %q: %v", got.Choices[0].Message.Content, got.Choices[0].FinishReason, err)
	}
	if thought := got.Choices[0].Message.RawJSON(); !strings.Contains(thought, "34") {
		t.Errorf("it did not think: %s", thought)
	}
}
