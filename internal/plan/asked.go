package plan

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/config"
)

// Asked is what a model will be asked beside the answers: to grow prompts, or to judge.
type Asked struct {
	Purpose          string  `json:"purpose"` // grow, or the judge's name
	Model            string  `json:"model"`
	Calls            int     `json:"calls"`      // still to be asked, as far as that can be told
	MostCalls        int     `json:"most_calls"` // whatever happens
	PromptTokens     Span    `json:"prompt_tokens"`
	CompletionTokens Span    `json:"completion_tokens"`
	USD              *Span   `json:"usd,omitempty"` // nil when no price is known
	MostUSD          float64 `json:"most_usd"`      // every reply as long as it may be, or the budget; 0 when no price is known
	PriceSource      string  `json:"price_source"`

	stage       string
	concurrency int
	perToken    float64 // seconds; 0 where nothing is known
}

// planAsking estimates what all who are asked will cost, in their order.
func (p *planner) planAsking() {
	if g := p.recipe.Prompts.Grow; g != nil {
		p.planGrow(g)
		// What is not grown yet will be asked too, and is about as long as the rest.
		known, samples := &p.known.Answers, p.known.Grow.Missing*p.recipe.Teacher.Samples
		if known.Wanted > 0 {
			known.QuestionBytes += known.QuestionBytes / known.Wanted * samples
		}
		known.Wanted += samples
		p.Prompts += p.known.Grow.Missing
	}
	p.planGenerate()
	for i := range p.known.Judges {
		p.planJudge(&p.known.Judges[i])
	}
	for _, a := range p.Asked {
		if a.USD == nil {
			p.warning("no price is known for %s (%s): without one in the recipe a budget in money cannot be kept", a.Model, a.Purpose)
		}
	}
}

// ask prices a number of calls of so many tokens each, and takes them into the plan. A token of a reply takes as long as
// the ledger's did or, where it has none, as the teacher's where that is the same model.
func (p *planner) ask(stage, purpose string, ledger *Ledger, by *config.Teacher, calls, most int, prompt, completion Span) {
	a := Asked{Purpose: purpose, Model: by.Model, Calls: calls, MostCalls: most,
		PromptTokens: prompt.times(float64(calls)), CompletionTokens: completion.times(float64(calls)),
		stage: stage, concurrency: by.Concurrency, perToken: ledger.SecondsPerToken}
	if known := &p.known.Answers; a.perToken == 0 && by.Model == p.recipe.Teacher.Model && known.Answer.Sum > 0 {
		a.perToken = known.Seconds.Sum / known.Answer.Sum
	}
	if price, ok := priceOf(by); ok {
		a.PriceSource, a.USD = priceText(price), cost(price, a.PromptTokens, a.CompletionTokens)
		a.MostUSD = price.Cost(int64(prompt.High*float64(most)), 0, int64(most)*int64(by.Sampling.MaxTokens))
		if limit := by.Budget.USD; limit > 0 {
			a.MostUSD = min(a.MostUSD, limit)
		}
	}
	p.Asked = append(p.Asked, a)
}

// Calls that turn out useful, and what they bring: a model repeats itself.
const (
	inventedPerCall = 3
	evolvedPerCall  = 0.8
)

// planGrow estimates the growing of the prompts that are missing.
func (p *planner) planGrow(g *config.Grow) {
	known, missing := &p.known.Grow, p.known.Grow.Missing
	by := &known.By
	each := 0.3 * float64(by.Sampling.MaxTokens) // tokens of a prompt, where nothing is known
	if p.known.Answers.Wanted > 0 {
		each = p.known.Answers.questionTokens()
	}
	most := g.MaxCalls
	if most == 0 {
		most = 4 * g.Count
	}
	most = max(0, most-known.Replies)
	if missing == 0 {
		most = 0
	}
	perCall, shown := evolvedPerCall, 1.0
	if g.Style == "invent" {
		perCall, shown = inventedPerCall, float64(g.Shown)
	}
	calls := min(most, int(float64(missing)/perCall)+min(missing, 1))
	prompt := Span{0.7, 1, 1.5}.times(each*shown + 60)
	completion := Span{0.5 * each * perCall, each*perCall + 20, float64(by.Sampling.MaxTokens)}
	p.ask("grow", "grow", &known.Ledger, by, calls, most, prompt, completion)
}

// verdictTokens is about the length of a judgement: a sentence and a number, as JSON.
const verdictTokens = 60

// planJudge estimates one judge's work: a call for every training answer that is not judged yet. The judge reads the
// question, the answer without its thinking, and the rubric around them.
func (p *planner) planJudge(j *Judge) {
	most := max(0, p.recipe.Teacher.Samples*(p.Prompts-p.Heldout)-j.Replies)
	answers := p.Generate.CompletionTokens
	if rows := float64(p.Generate.Calls); rows > 0 {
		answers = answers.times(1 / rows)
	} else if known := &p.known.Answers; known.Answer.N > 0 {
		answers = known.Answer.span()
	}
	around := p.known.Answers.questionTokens() + float64(j.RubricBytes)/bytesPerToken
	prompt := Span{answers.Low/2 + around*0.7, answers.Likely + around, answers.High + around*1.5}
	completion := Span{verdictTokens / 2, verdictTokens, float64(j.By.Sampling.MaxTokens)}
	p.ask("judge", j.Name, &j.Ledger, &j.By, int(float64(most)*j.Passing+0.5), most, prompt, completion)
}

// askedSeconds estimates the time of those who are asked in a stage; nil where it is not known of one of them.
func (p *planner) askedSeconds(stage string) (seconds *Span, basis string) {
	total, calls := Span{}, 0
	for i := range p.Asked {
		a := &p.Asked[i]
		if a.stage != stage {
			continue
		}
		if a.perToken == 0 && a.Calls > 0 {
			return nil, fmt.Sprintf("%d calls; the first replies will tell", a.Calls)
		}
		total = total.plus(a.CompletionTokens.times(a.perToken / float64(max(1, a.concurrency))))
		calls += a.Calls
	}
	return &total, fmt.Sprintf("%d calls", calls)
}
