package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Markdown writes the report as GitHub-flavoured Markdown, which also reads well as plain text.
func Markdown(w io.Writer, r *Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n**%s.** %s\n\n", r.Name, outcomeWord(r.Verdict.Outcome), r.Verdict.Sentence)
	for _, g := range r.Verdict.Gates {
		fmt.Fprintf(&b, "- gate `%s`: %s, %s\n", g.Name, passWord(g.Pass), g.Detail)
	}
	b.WriteString("\n## Quality, size, speed\n\n")
	writeTable(&b, ModelTable(r.Models))
	b.WriteString("\n" + tableNote + "\n")
	if len(r.Pairs) > 0 {
		b.WriteString("\n## On the same prompts\n\n")
		writeTable(&b, PairTable(r.Pairs))
		b.WriteString("\n" + pairNote + "\n")
	}
	if lines := seedLines(r.Seeds); lines != nil {
		b.WriteString("\n## Seeds\n\n")
		for _, line := range lines {
			fmt.Fprintf(&b, "- %s\n", line)
		}
	}
	b.WriteString("\n## Data\n\n")
	for _, line := range datasetLines(&r.Dataset) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n## Training\n\n")
	for _, line := range trainingLines(&r.Training) {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	b.WriteString("\n## Time\n\n")
	writeTable(&b, StageTable(r.Stages))
	if len(r.Samples) > 0 {
		b.WriteString("\n## Samples\n")
	}
	for _, s := range r.Samples {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", sampleWord(s.Kind), quote(s.Prompt))
		if s.Reference != "" {
			fmt.Fprintf(&b, "Reference: %s\n\n", s.Reference)
		}
		fmt.Fprintf(&b, "Teacher%s:\n\n%s\n\nStudent%s:\n\n%s\n", mark(s.TeacherRight), quote(s.Teacher), mark(s.StudentRight), quote(s.Student))
	}
	b.WriteString("\n## Again\n\n```sh\n" + strings.Join(r.Commands, "\n") + "\n```\n\n")
	fmt.Fprintf(&b, "Seed %d, %s, %s, %d threads, %s kernels.\n\n", r.Seed, r.Machine.CPU, r.Program, r.Machine.Threads, r.Machine.Kernel)
	b.WriteString("<details><summary>The resolved recipe</summary>\n\n```yaml\n" + strings.TrimRight(r.Recipe, "\n") + "\n```\n\n</details>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// pairNote says how to read a PairTable.
const pairNote = "The student's value less that of the model named, with a 95 % interval by paired bootstrap over prompts: an interval without 0 in it is a difference."

// tableNote says how to read the central table.
const tableNote = "Of the answers to held-out prompts: exact match (higher is better) has its 95 % interval; perplexity and KL, in nats a token, " +
	"say how far a model is from the teacher's own words and distribution (lower is better); top-1 agreement is how often both put the same token first. " +
	"Each exported file was itself evaluated; speeds are of one answer at a time."

func writeTable(b *strings.Builder, t Table) {
	if len(t.Rows) == 0 {
		return
	}
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(t.Header)
	rule := make([]string, len(t.Header))
	for i := range rule {
		rule[i] = "---:"
	}
	rule[0] = "---"
	row(rule)
	for _, cells := range t.Rows {
		row(cells)
	}
}

func datasetLines(d *Dataset) []string {
	lines := []string{fmt.Sprintf("%d prompts, %d of them held out and never trained on; %d answers by %s, %d of them learnt from", d.Prompts, d.Heldout, d.Rows, d.Teacher, d.Kept)}
	for _, reason := range slices.Sorted(maps.Keys(d.Dropped)) {
		lines = append(lines, fmt.Sprintf("dropped: %d %s", d.Dropped[reason], reason))
	}
	if d.PassRate != nil {
		lines = append(lines, "the teacher's answers passed the verifiers: "+rate(d.PassRate))
	}
	tokens := fmt.Sprintf("%s prompt and %s completion tokens", Count(d.PromptTokens), Count(d.CompletionTokens))
	if d.ReasoningTokens > 0 {
		tokens += fmt.Sprintf(", %s of them reasoning", Count(d.ReasoningTokens))
	}
	lines = append(lines, tokens+", "+Bytes(d.Bytes)+" on disk, signal: "+d.Signal)
	if d.CostUSD != nil {
		lines = append(lines, "cost "+money(d.CostUSD))
	}
	return lines
}

// lossName spells a loss of a recipe out.
func lossName(kind string) string {
	if kind == "ce" {
		return "cross-entropy"
	}
	return strings.ReplaceAll(strings.ReplaceAll(kind, "_", " "), "kl", "KL")
}

func trainingLines(t *Training) []string {
	if t.Steps == 0 {
		return []string{"no training in this run"}
	}
	var lines []string
	if t.Start != "" {
		lines = append(lines, t.Start)
	}
	lines = append(lines,
		fmt.Sprintf("%d steps, %s tokens, %.0f tokens/s, %s in %s", t.Steps, Count(t.Tokens), t.TokensPerS, t.Optimizer, t.Precision),
		fmt.Sprintf("loss (%s) from %.4g to %.4g", lossName(t.Loss), t.FirstLoss, t.FinalLoss),
	)
	if t.BestStep > 0 {
		lines = append(lines, fmt.Sprintf("the best held-out loss was at step %d, and that is what was exported", t.BestStep))
	}
	if t.SkippedStep > 0 {
		lines = append(lines, fmt.Sprintf("%d steps were skipped or rolled back for a spike or a value that is not finite", t.SkippedStep))
	}
	return lines
}

func outcomeWord(o Outcome) string {
	return map[Outcome]string{Better: "Better than before", Worse: "Worse than before", Unclear: "No clear difference"}[o] +
		map[bool]string{true: "Not judged"}[o == Unknown || o == ""]
}

func passWord(pass bool) string {
	if pass {
		return "passed"
	}
	return "failed"
}

func sampleWord(k SampleKind) string {
	switch k {
	case SampleRight:
		return "The student is right"
	case SampleWrong:
		return "The student is wrong"
	case SampleUncertain:
		return "The student is least certain"
	}
	return "A held-out prompt"
}

func mark(right *bool) string {
	switch {
	case right == nil:
		return ""
	case *right:
		return " (right)"
	}
	return " (wrong)"
}

func quote(s string) string {
	return "> " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n> ")
}
