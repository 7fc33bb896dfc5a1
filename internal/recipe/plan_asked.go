package recipe

import (
	"fmt"
	"os"
	"time"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/verify"
	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/teacher/remote"
)

// AskedPlan is what a model will be asked beside the answers: to grow prompts, or to judge.
type AskedPlan struct {
	Purpose          string  `json:"purpose"` // grow, or the judge's name
	Model            string  `json:"model"`
	Calls            int     `json:"calls"`      // still to be asked, as far as that can be told
	MostCalls        int     `json:"most_calls"` // whatever happens
	PromptTokens     Span    `json:"prompt_tokens"`
	CompletionTokens Span    `json:"completion_tokens"`
	USD              *Span   `json:"usd,omitempty"` // nil when no price is known
	MostUSD          float64 `json:"most_usd"`      // every reply as long as it may be, or the budget; 0 when no price is known
	PriceSource      string  `json:"price_source"`

	dir         string // of the ledger
	concurrency int
}

// planAsked estimates what all who are asked will cost, in their order.
func (p *Plan) planAsked(r *Run, known *measured) error {
	if g := r.Recipe.Prompts.Grow; g != nil {
		missing, err := p.planGrow(r, g, known)
		if err != nil {
			return err
		}
		// What is not grown yet will be asked too, and is about as long as the rest.
		samples := missing * r.Recipe.Teacher.Samples
		if known.wanted > 0 {
			known.text += known.text / known.wanted * samples
		}
		known.wanted += samples
		p.Prompts += missing
	}
	p.planGenerate(r, known)
	judges, err := r.graders()
	if err != nil {
		return err
	}
	for _, g := range judges {
		if err := p.planJudge(r, g, known); err != nil {
			return err
		}
	}
	for _, a := range p.Asked {
		if a.USD == nil {
			p.Warnings = append(p.Warnings, fmt.Sprintf("no price is known for %s (%s): without one in the recipe a budget in money cannot be kept", a.Model, a.Purpose))
		}
	}
	return nil
}

// asked prices a number of calls of so many tokens each.
func (r *Run) asked(purpose, dir string, by *config.Teacher, calls, most int, prompt, completion Span) AskedPlan {
	a := AskedPlan{Purpose: purpose, dir: dir, concurrency: by.Concurrency, Model: by.Model, Calls: calls, MostCalls: most,
		PromptTokens: prompt.times(float64(calls)), CompletionTokens: completion.times(float64(calls))}
	price, ok := r.priceOf(by)
	if !ok {
		return a
	}
	a.PriceSource = priceText(price)
	usd := priceSpan(price, a.PromptTokens, a.CompletionTokens)
	a.USD = &usd
	a.MostUSD = price.Cost(int64(prompt.High*float64(most)), 0, int64(most)*int64(by.Sampling.MaxTokens))
	if limit := by.Budget.USD; limit > 0 {
		a.MostUSD = min(a.MostUSD, limit)
	}
	return a
}

// Calls that turn out useful, and what they bring: a model repeats itself.
const (
	inventedPerCall = 3
	evolvedPerCall  = 0.8
)

// planGrow estimates the growing, and returns how many prompts are still to be grown.
func (p *Plan) planGrow(r *Run, g *config.Grow, known *measured) (missing int, err error) {
	by := r.grower()
	missing = g.Count
	if _, err := os.Stat(r.path(GrownFile)); err == nil {
		for _, err := range promptsIn(r.path(GrownFile)) {
			if err != nil {
				return 0, err
			}
			missing--
		}
		missing = max(0, missing)
	}
	spent, err := spentIn(r.path(GrowDir))
	if err != nil {
		return 0, err
	}
	each := 0.3 * bytesPerToken * float64(by.Sampling.MaxTokens) // of a prompt, in bytes, where nothing is known
	if known.wanted > 0 {
		each = float64(known.text) / float64(known.wanted)
	}
	each /= bytesPerToken
	most := g.MaxCalls
	if most == 0 {
		most = 4 * g.Count
	}
	most = max(0, most-int(spent.Rows))
	perCall, shown := evolvedPerCall, 1.0
	if g.Style == "invent" {
		perCall, shown = inventedPerCall, float64(g.Shown)
	}
	if missing == 0 {
		most = 0
	}
	calls := min(most, int(float64(missing)/perCall)+min(missing, 1))
	prompt := Span{0.7, 1, 1.5}.times(each*shown + 60)
	completion := Span{0.5 * each * perCall, each*perCall + 20, float64(by.Sampling.MaxTokens)}
	p.Asked = append(p.Asked, r.asked("grow", GrowDir, &by, calls, most, prompt, completion))
	return missing, nil
}

// verdictTokens is about the length of a judgement: a sentence and a number, as JSON.
const verdictTokens = 60

// planJudge estimates one judge's work: a call for every training answer that is not judged yet.
func (p *Plan) planJudge(r *Run, g *grader, known *measured) error {
	spent, err := spentIn(r.path(g.dir()))
	if err != nil {
		return err
	}
	most := r.Recipe.Teacher.Samples * (p.Prompts - p.Heldout)
	most = max(0, most-int(spent.Rows))
	empty := distill.Row{}
	question, err := g.rubric.Question(&empty)
	if err != nil {
		return err
	}
	// The judge reads the question, the answer without its thinking, and the rubric around them.
	answers := p.Generate.CompletionTokens
	if rows := float64(p.Generate.Calls); rows > 0 {
		answers = answers.times(1 / rows)
	} else if known.answer.n > 0 {
		answers = known.answer.span()
	}
	asked := float64(known.text) / float64(max(1, known.wanted)) / bytesPerToken
	around := asked + float64(len(question))/bytesPerToken
	prompt := Span{answers.Low/2 + around*0.7, answers.Likely + around, answers.High + around*1.5}
	completion := Span{verdictTokens / 2, verdictTokens, float64(g.by.Sampling.MaxTokens)}
	passing := float64(most)
	if known.rows > 0 && len(r.Recipe.Select.Verify) > len(r.judges) {
		share, err := r.passingShare()
		if err != nil {
			return err
		}
		passing *= share
	}
	p.Asked = append(p.Asked, r.asked(g.Name, g.dir(), &g.by, int(passing+0.5), most, prompt, completion))
	return nil
}

// passingShare is the share of the training answers so far that the checks let pass.
func (r *Run) passingShare() (float64, error) {
	var rows, passed float64
	for row, err := range r.checkedRows(r.path(DataDir)) {
		if err != nil {
			return 0, err
		}
		if row.Prompt.Split == distill.Heldout {
			continue
		}
		if rows++; verify.Passed(&row) {
			passed++
		}
	}
	if rows == 0 {
		return 1, nil
	}
	return passed / rows, nil
}

// spentIn returns what the rows of a ledger have cost; nothing where there is none yet.
func spentIn(dir string) (dataset.Spent, error) {
	if _, err := os.Stat(dir); err != nil {
		return dataset.Spent{}, nil
	}
	data, err := dataset.Open(dir, dataset.Options{ReadOnly: true})
	if err != nil {
		return dataset.Spent{}, err
	}
	defer data.Close()
	return data.Spent(), data.Ready()
}

// priceText says where a price is from and, for one of the built-in table, how old it is.
func priceText(p remote.Price) string {
	if p.Date == "" {
		return p.Source
	}
	return fmt.Sprintf("list price of %s from %s, %s", p.Date, p.Source, ageText(p.Date, time.Now()))
}

// ageText says in words how long ago a month was.
func ageText(month string, now time.Time) string {
	then, err := time.Parse("2006-01", month)
	if err != nil {
		return "of unknown age"
	}
	switch n := (now.Year()-then.Year())*12 + int(now.Month()-then.Month()); {
	case n <= 0:
		return "of this month"
	case n == 1:
		return "a month old"
	default:
		return fmt.Sprintf("%d months old", n)
	}
}
