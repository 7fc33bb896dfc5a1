package remote

import (
	"net/http"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/openai"
)

// geminiWire is Google's generateContent.
type geminiWire struct{}

type geminiPart struct {
	Text    string `json:"text"`
	Thought bool   `json:"thought,omitempty"`
}

type geminiContent struct {
	Role  string       `json:"role,omitempty"`
	Parts []geminiPart `json:"parts"`
}

type geminiConfig struct {
	Temperature      *float64 `json:"temperature,omitempty"`
	TopP             *float64 `json:"topP,omitempty"`
	TopK             *int     `json:"topK,omitempty"`
	MaxOutputTokens  *int     `json:"maxOutputTokens,omitempty"`
	StopSequences    []string `json:"stopSequences,omitempty"`
	Seed             *int64   `json:"seed,omitempty"`
	ResponseLogprobs bool     `json:"responseLogprobs,omitempty"`
	Logprobs         *int     `json:"logprobs,omitempty"`
}

type geminiRequest struct {
	System   *geminiContent  `json:"systemInstruction,omitempty"`
	Contents []geminiContent `json:"contents"`
	Config   geminiConfig    `json:"generationConfig"`
}

type geminiCandidate struct {
	TokenID *int32         `json:"tokenId"`
	Logprob openai.Logprob `json:"logProbability"`
}

func (g geminiCandidate) entry() entry {
	if g.TokenID == nil || *g.TokenID < 0 {
		return entry{}
	}
	return entry{id: *g.TokenID, known: true, logprob: float32(g.Logprob)}
}

type geminiResponse struct {
	Candidates []struct {
		Content      geminiContent `json:"content"`
		FinishReason string        `json:"finishReason"`
		Logprobs     *struct {
			Top []struct {
				Candidates []geminiCandidate `json:"candidates"`
			} `json:"topCandidates"`
			Chosen []geminiCandidate `json:"chosenCandidates"`
		} `json:"logprobsResult"`
	} `json:"candidates"`
	PromptFeedback *struct {
		BlockReason string `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *struct {
		Prompt     int64 `json:"promptTokenCount"`
		Cached     int64 `json:"cachedContentTokenCount"`
		Candidates int64 `json:"candidatesTokenCount"`
		Thoughts   int64 `json:"thoughtsTokenCount"`
	} `json:"usageMetadata"`
	Model string        `json:"modelVersion"`
	Error *openai.Error `json:"error"`
}

func (geminiWire) authorize(h http.Header, k key) {
	if k.value != "" {
		h.Set("X-Goog-Api-Key", k.value)
	}
}

func (geminiWire) request(t *Teacher, c *call) (string, any) {
	s, seed := c.sampling, foldSeed(c.sampling.Seed)
	var r geminiRequest
	system, rest := splitSystem(c.messages)
	if system != "" {
		r.System = &geminiContent{Parts: []geminiPart{{Text: system}}}
	}
	for _, m := range rest {
		role := m.Role
		if role == distill.RoleAssistant {
			role = "model"
		}
		r.Contents = append(r.Contents, geminiContent{Role: role, Parts: []geminiPart{{Text: m.Content}}})
	}
	r.Config = geminiConfig{Temperature: &s.Temperature, StopSequences: s.Stop, Seed: &seed}
	if s.TopP > 0 && s.TopP < 1 {
		r.Config.TopP = &s.TopP
	}
	if s.TopK > 0 {
		r.Config.TopK = &s.TopK
	}
	if c.maxTokens > 0 {
		r.Config.MaxOutputTokens = &c.maxTokens
	}
	if c.spec.Kind == distill.TopK && t.signals() {
		r.Config.ResponseLogprobs, r.Config.Logprobs = true, &c.spec.K
	}
	path := "/models/" + strings.TrimPrefix(t.opts.Model, "models/")
	if c.stream {
		return path + ":streamGenerateContent?alt=sse", r
	}
	return path + ":generateContent", r
}

func (geminiWire) whole(body []byte, c *call, a *answer) error {
	return addGemini(body, c, a)
}

func (geminiWire) event(ev openai.Event, c *call, a *answer) error {
	return addGemini(ev.Data, c, a)
}

// addGemini adds a whole response or a chunk of one; they have one shape.
func addGemini(data []byte, c *call, a *answer) error {
	var r geminiResponse
	if err := unmarshal(data, &r); err != nil {
		return err
	}
	if r.Error != nil {
		return &serverError{r.Error}
	}
	if r.PromptFeedback != nil && r.PromptFeedback.BlockReason != "" {
		return &serverError{&openai.Error{Message: "prompt blocked: " + r.PromptFeedback.BlockReason, Code: "400"}}
	}
	if r.Model != "" {
		a.model = r.Model
	}
	if u := r.Usage; u != nil {
		a.usage = usage{known: true, prompt: u.Prompt, cached: u.Cached, completion: u.Candidates + u.Thoughts, reasoning: u.Thoughts}
	}
	for i := range r.Candidates[:min(1, len(r.Candidates))] {
		cand := &r.Candidates[i]
		for _, p := range cand.Content.Parts {
			if p.Thought {
				a.reasoning.WriteString(p.Text)
			} else {
				a.text.WriteString(p.Text)
			}
		}
		if lp := cand.Logprobs; lp != nil && len(lp.Top) == len(lp.Chosen) {
			for i, chosen := range lp.Chosen {
				a.top = a.top[:0]
				for _, t := range lp.Top[i].Candidates {
					a.top = append(a.top, t.entry())
				}
				a.position(chosen.entry(), a.top, c.spec.Kind, c.spec.K)
			}
		}
		if cand.FinishReason != "" {
			a.finish = finishReason(cand.FinishReason)
		}
	}
	return nil
}
