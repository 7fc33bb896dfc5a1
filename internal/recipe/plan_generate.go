package recipe

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/seed-d24fde5f/distill/dataset"
)

// pilot asks the first few questions that have no answer yet, in the way the run will, and keeps the answers.
func (r *Run) pilot(ctx context.Context, n int) (asked int, err error) {
	a, err := r.newAsker("pilot", "teacher", &r.Recipe.Teacher, DataDir, r.eachPrompt())
	if err != nil {
		return 0, err
	}
	defer a.close()
	a.finish = r.check
	if err := a.check(ctx); err != nil {
		return 0, err
	}
	meter := r.opts.Monitor.Start("pilot", "rows", int64(n), 0)
	defer meter.Stop()
	err = a.ask(ctx, func(yield func(question, error) bool) {
		for q, err := range r.wanted() {
			if err == nil && a.data.Has(q.id) {
				continue
			}
			if asked++; asked > n || !yield(q, err) {
				return
			}
		}
	}, meter)
	return min(asked, n), errors.Join(err, a.data.Seal())
}

// measured describes the wanted rows: those that are there already by their answers, all by their questions.
type measured struct {
	wanted, rows          int // in all, and that are there
	text                  int // bytes of all questions
	prompt, answer, bytes meanOf
	latency, cost         meanOf
}

func (r *Run) measured() (*measured, error) {
	m := new(measured)
	var data *dataset.Dataset
	if _, err := os.Stat(r.path(DataDir)); err == nil {
		if data, err = dataset.Open(r.path(DataDir), dataset.Options{ReadOnly: true}); err != nil {
			return nil, err
		}
		defer data.Close()
	}
	for q, err := range r.wanted() {
		if err != nil {
			return nil, err
		}
		m.wanted++
		for _, message := range q.prompt.Messages {
			m.text += len(message.Content)
		}
	}
	if data == nil {
		return m, nil
	}
	for row, err := range data.InOrder(idsOf(r.wanted())) {
		if err != nil {
			return nil, err
		}
		m.rows++
		m.prompt.add(float64(row.PromptTokens))
		m.answer.add(float64(row.CompletionTokens))
		m.latency.add(row.Latency.Seconds())
		if row.CostUSD != nil {
			m.cost.add(*row.CostUSD)
		}
	}
	if m.rows > 0 {
		m.bytes.add(float64(folderBytes(r.path(DataDir))) / float64(m.rows))
	}
	return m, nil
}

// meanOf keeps what a mean and its standard error need.
type meanOf struct{ n, sum, squares float64 }

func (m *meanOf) add(x float64) { m.n++; m.sum += x; m.squares += x * x }

// span returns the mean with two standard errors to both sides.
func (m *meanOf) span() Span {
	mean := m.sum / m.n
	if m.n < 2 {
		return Span{mean / 2, mean, mean * 2}
	}
	err := 2 * math.Sqrt(max(0, m.squares/m.n-mean*mean)/(m.n-1))
	return Span{max(0, mean-err), mean, mean + err}
}

// bytesPerToken of English prose, to guess at tokens that were not counted.
const bytesPerToken = 4

// planGenerate estimates calls, tokens, money and time.
func (p *Plan) planGenerate(r *Run, known *measured) {
	g, t := &p.Generate, &r.Recipe.Teacher
	g.Rows, g.Measured, g.Calls = known.wanted, known.rows, known.wanted-known.rows
	perPrompt := Span{0.7, 1, 1.5}.times(float64(known.text) / float64(max(1, known.wanted)) / bytesPerToken)
	perAnswer := Span{0.1, 0.4, 1}.times(float64(t.Sampling.MaxTokens))
	if known.answer.n > 0 && known.answer.sum > 0 {
		perPrompt, perAnswer = known.prompt.span(), known.answer.span()
	}
	calls := float64(g.Calls)
	g.PromptTokens, g.CompletionTokens, g.AnswerTokens = perPrompt.times(calls), perAnswer.times(calls), perAnswer
	if known.latency.n > 0 && !t.Batch { // a batch is there within a day, whatever its size
		s := known.latency.span().times(calls / float64(max(1, t.Concurrency)))
		g.Seconds = &s
	}
	if price, ok := r.priceOf(t); ok {
		g.PriceSource = priceText(price)
		usd := priceSpan(price, g.PromptTokens, g.CompletionTokens)
		g.USD = &usd
		g.MostUSD = price.Cost(int64(g.PromptTokens.High), 0, int64(g.Calls)*int64(t.Sampling.MaxTokens))
	}
	if t.Batch {
		if d := dialectOf(t); !d.Batches {
			p.Warnings = append(p.Warnings, fmt.Sprintf("teacher.batch: %s has no batch endpoint that is known here: generation will refuse to start", d.Name))
		} else {
			p.Warnings = append(p.Warnings, fmt.Sprintf("answers come in %d batches of up to %d, each within a day", (g.Calls+t.BatchSize-1)/t.BatchSize, t.BatchSize))
		}
	}
	perRow := 600 + bytesPerToken*(perPrompt.Likely+perAnswer.Likely)
	if t.Signal.Kind != "none" {
		perRow += perAnswer.Likely * (8 + 6*float64(t.Signal.K)/2) // ids and log-probabilities; about half the entries are distinct after compression
	}
	if known.bytes.n > 0 {
		perRow = known.bytes.sum
	}
	g.Bytes = int64(perRow * float64(g.Rows))
}
