package recipe

// stages in the order in which a run does them.
var stages = []stage{
	{"generate", "", generateInputs, generate},
}

// StageNames returns the names of the stages in their order.
func StageNames() []string {
	names := make([]string, len(stages))
	for i, s := range stages {
		names[i] = s.name
	}
	return names
}
