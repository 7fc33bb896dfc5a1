package recipe

// stages returns all in the order in which a run does them. Each needs the files of the one it names.
func stages() []stage {
	return []stage{
		{"generate", "", generateInputs, generate},
		{"score", "generate", scoreInputs, score},
		{"train", "score", trainInputs, fit},
		{"export", "train", exportInputs, export},
		{"eval", "export", evalInputs, evaluate},
		{"report", "eval", reportInputs, writeReport},
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
