package plan

import "fmt"

// Generate is what the teacher will be asked.
type Generate struct {
	Rows             int     `json:"rows"`  // wanted in all
	Calls            int     `json:"calls"` // still to be asked
	Measured         int     `json:"measured_answers"`
	Tried            int     `json:"tried_answers,omitempty"` // by a teacher that runs here, for this plan alone
	PromptTokens     Span    `json:"prompt_tokens"`           // of the calls, in all
	CompletionTokens Span    `json:"completion_tokens"`
	AnswerTokens     Span    `json:"answer_tokens"`     // of one answer
	USD              *Span   `json:"usd,omitempty"`     // nil when no price is known
	MostUSD          float64 `json:"most_usd"`          // every answer as long as it may be; 0 when no price is known
	PriceSource      string  `json:"price_source"`      //
	Seconds          *Span   `json:"seconds,omitempty"` // nil before an answer was measured
	Bytes            int64   `json:"bytes"`
}

// bytesPerToken of English prose, to guess at tokens that were not counted.
const bytesPerToken = 4

// planGenerate estimates calls, tokens, money and time.
func (p *planner) planGenerate() {
	g, t, known := &p.Generate, &p.recipe.Teacher, &p.known.Answers
	g.Rows, g.Measured, g.Tried, g.Calls = known.Wanted, known.Rows, p.known.Tried, known.Wanted-known.Rows
	perPrompt := Span{0.7, 1, 1.5}.times(known.questionTokens())
	perAnswer := Span{0.1, 0.4, 1}.times(float64(t.Sampling.MaxTokens))
	if known.Answer.N > 0 && known.Answer.Sum > 0 {
		perPrompt, perAnswer = known.Prompt.span(), known.Answer.span()
	}
	calls := float64(g.Calls)
	g.PromptTokens, g.CompletionTokens, g.AnswerTokens = perPrompt.times(calls), perAnswer.times(calls), perAnswer
	if known.Seconds.N > 0 && !t.Batch { // a batch is there within a day, whatever its size
		s := known.Seconds.span().times(calls / float64(max(1, t.Concurrency)))
		g.Seconds = &s
	}
	if price, ok := priceOf(t); ok {
		g.PriceSource, g.USD = priceText(price), cost(price, g.PromptTokens, g.CompletionTokens)
		g.MostUSD = price.Cost(int64(g.PromptTokens.High), 0, int64(g.Calls)*int64(t.Sampling.MaxTokens))
	}
	if t.Batch {
		if d := dialectOf(t); !d.Batches {
			p.warning("teacher.batch: %s has no batch endpoint that is known here: generation will refuse to start", d.Name)
		} else {
			p.warning("answers come in %d batches of up to %d, each within a day", (g.Calls+t.BatchSize-1)/t.BatchSize, t.BatchSize)
		}
	}
	perRow := 600 + bytesPerToken*(perPrompt.Likely+perAnswer.Likely)
	if t.Signal.Kind != "none" {
		perRow += perAnswer.Likely * (8 + 6*float64(t.Signal.K)/2) // ids and log-probabilities; about half the entries are distinct after compression
	}
	if known.RowBytes > 0 {
		perRow = known.RowBytes
	}
	g.Bytes = int64(perRow * float64(g.Rows))
}

// questionTokens guesses at the tokens of one question.
func (a *Answers) questionTokens() float64 {
	return float64(a.QuestionBytes) / float64(max(1, a.Wanted)) / bytesPerToken
}

// basis says where the time of generation comes from.
func (g *Generate) basis(p *planner) string {
	switch {
	case g.Calls == 0:
		return "all rows are there"
	case p.recipe.Teacher.Batch:
		return "batches come within a day, whatever their size"
	case g.Seconds == nil:
		return "--pilot 5 measures it"
	case g.Tried > 0:
		return fmt.Sprintf("%d calls; %d were tried now, for nothing, and not kept", g.Calls, g.Tried)
	}
	return fmt.Sprintf("%d calls, %d at a time, as long as %d answers took", g.Calls, p.recipe.Teacher.Concurrency, g.Measured)
}
