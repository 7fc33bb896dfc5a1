package recipe

import "github.com/seed-d24fde5f/distill/internal/config"

// stages returns all in the order in which a run does them. Each needs the files of those it names, or of those that
// they need where the recipe does without them.
func stages() []stage {
	return []stage{
		{"grow", nil, growInputs, growPrompts},
		{"generate", []string{"grow"}, generateInputs, generate},
		{"judge", []string{"generate"}, judgeInputs, judgeRows},
		{"score", []string{"generate"}, scoreInputs, score},
		{"train", []string{"score", "judge"}, trainInputs, fit},
		{"export", []string{"train"}, exportInputs, export},
		{"eval", []string{"export"}, evalInputs, evaluate},
		{"report", []string{"eval"}, reportInputs, writeReport},
	}
}

// StageNames returns the names of the stages in their order.
func StageNames() []string {
	var names []string
	for _, s := range stages() {
		names = append(names, s.name)
	}
	return names
}

// HasStage reports whether a recipe has a stage: growing, judging and scoring are there when it says so.
func HasStage(r *config.Recipe, name string) bool {
	switch name {
	case "grow":
		return r.Prompts.Grow != nil
	case "judge":
		return len(r.Judges()) > 0
	case "score":
		return r.Score != nil
	}
	return true
}
