package remote

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// wire writes requests and reads answers in one API's shapes.
type wire interface {
	// request returns the path below the base URL and the body.
	request(t *Teacher, c *call) (path string, body any)
	// authorize puts the key into the headers.
	authorize(h http.Header, k key)
	// whole reads an answer that came in one piece.
	whole(body []byte, c *call, a *answer) error
	// event reads one event of a stream.
	event(ev openai.Event, c *call, a *answer) error
}

var wires = map[Wire]wire{
	ChatCompletions: chatWire{},
	Messages:        messagesWire{},
	GenerateContent: geminiWire{},
	OllamaChat:      ollamaWire{},
}

// call is a request as it will be sent.
type call struct {
	messages    []distill.Message // the last may be an assistant's: to be continued
	sampling    distill.Sampling
	spec        distill.SignalSpec
	stream      bool
	maxTokens   int     // 0 is the server's default
	promptBytes int64   // of all contents
	estimate    int     // tokens, for the pace
	scored      *scored // instead of messages: a text to be scored
}

// continuing reports whether the last message is an unfinished turn of the assistant.
func (c *call) continuing() bool {
	return len(c.messages) > 0 && c.messages[len(c.messages)-1].Role == distill.RoleAssistant
}

// serverError is an error object that came under status 200.
type serverError struct{ object *openai.Error }

func (e *serverError) Error() string { return describe(0, e.object) }

func unmarshal(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("malformed answer: %w", err)
	}
	return nil
}
