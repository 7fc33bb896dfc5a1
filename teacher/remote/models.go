package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/openai"
	"github.com/seed-d24fde5f/distill/teacher"
)

// Served is a model that a server offers. Only our own server says more than its name.
type Served struct {
	Name          string
	Owner         string // who the server says made or serves it; engines name themselves
	TokenizerHash string
	Context       int
}

// Models asks the server which models it offers; no service charges for that. It asks once, without retries, and an error
// says what is wrong with the address or the key.
func (t *Teacher) Models(ctx context.Context) ([]Served, error) {
	ctx, cancel := t.bound(ctx)
	defer cancel()
	path := "/models"
	if t.dialect.Wire == OllamaChat {
		path = "/api/tags"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.base.String()+path, nil)
	if err != nil {
		return nil, t.redact.error(err)
	}
	request.Header.Set("User-Agent", "distill")
	for name, value := range t.opts.Headers {
		request.Header.Set(name, value)
	}
	t.wire.authorize(request.Header, t.lanes.all[0].key)
	watch := newWatchdog(ctx, t.opts.IdleTimeout, t.opts.Timeout)
	defer watch.stop()
	response, err := t.client.Do(request.WithContext(watch.ctx))
	if err != nil {
		return nil, t.networkFault(watch, err, false).final()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(watch.reader(response.Body), maxEvent))
	if err != nil {
		return nil, t.networkFault(watch, err, false).final()
	}
	if response.StatusCode != http.StatusOK {
		return nil, t.faultOf(response.StatusCode, response.Header, body).final()
	}
	return parseModels(body)
}

// parseModels reads a model list in the shapes of OpenAI and Anthropic (data), Gemini and Ollama (models).
func parseModels(body []byte) ([]Served, error) {
	var list struct {
		Data   []openai.Model `json:"data"`
		Models []struct {
			Name string `json:"name"`
		} `json:"models"`
	}
	if err := unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("remote: model list: %w", err)
	}
	var served []Served
	for _, m := range list.Data {
		s := Served{Name: m.ID, Owner: m.OwnedBy}
		if m.Meta != nil {
			s.TokenizerHash, s.Context = m.Meta.TokenizerHash, m.Meta.Context
		}
		served = append(served, s)
	}
	if served == nil {
		for _, m := range list.Models {
			served = append(served, Served{Name: strings.TrimPrefix(m.Name, "models/")})
		}
	}
	return served, nil
}

// engines are the dialects of servers that name themselves in their model list.
var engines = map[string]string{"vllm": "vllm", "sglang": "sglang", "llamacpp": "llama.cpp", "distill": "distill"}

// Check asks the server whether address, key and model are right, before anything is spent. A server that does not list
// its models passes.
func (t *Teacher) Check(ctx context.Context) error {
	served, err := t.Models(ctx)
	var e *teacher.Error
	if errors.As(err, &e) && strings.Contains(e.Error(), "404") {
		return nil // not every compatible server has the list
	}
	if err != nil {
		return err
	}
	var names []string
	for _, s := range served {
		if name := engines[s.Owner]; name != "" && t.dialect.Name == "openai-compatible" {
			t.warnOnce("%s is a server of the dialect %s: name it in the recipe, for settings and signals that are its own", t.base.Host, name)
		}
		if s.Name == t.opts.Model || strings.TrimSuffix(s.Name, ":latest") == t.opts.Model {
			return nil
		}
		names = append(names, s.Name)
	}
	if len(names) == 0 || t.dialect.Name == "llama.cpp" {
		return nil // llama.cpp serves one model, whatever it is called
	}
	slices.Sort(names)
	hint := "it has " + strings.Join(names, ", ")
	if len(names) > 12 {
		hint = fmt.Sprintf("it has %d others, among them %s", len(names), strings.Join(names[:12], ", "))
	}
	return teacher.Errorf(teacher.Fatal, hint, "remote: %s does not list model %q", t.base.Host, t.opts.Model)
}
