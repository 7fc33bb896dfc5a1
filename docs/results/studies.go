package main

// study is one question: a recipe, settings that all its arms share, and the arms.
type study struct {
	name, question string
	note           string // what a reader must know to read the table rightly
	recipe         string
	sets           []string
	measures       []measure
	arms           []arm
}

// arm is one way of doing it. The first arm of a study is the one that the others are compared with.
type arm struct {
	name string
	sets []string
}

// studies lists every question. Those about stories need the teacher's file.
func studies(stories string) []study {
	reasoner := []measure{exactMatch, exactMatchQ4, kl, trainSeconds}
	all := []study{{
		name:     "reasoner",
		question: "Does the teacher's distribution teach more than its words, where the teacher is nearly certain of every token?",
		recipe:   "quickstart",
		sets:     []string{"train.tokens=2000000", "prompts.problems.count=8000"},
		measures: reasoner,
		arms: []arm{
			{"text", nil},
			{"forward KL top-k", []string{"teacher.signal.kind=topk", "train.loss.kind=forward_kl"}},
			{"reverse KL top-k", []string{"teacher.signal.kind=topk", "train.loss.kind=reverse_kl"}},
			{"AdamW text", []string{"train.optimizer.kind=adamw"}},
		},
	}}
	if stories == "" {
		return all
	}
	return append(all, study{
		name:     "stories",
		question: "Which signal and which divergence teach most, where the teacher's next word is open?",
		note: "The measured KL is the forward one, KL(teacher‖student): arms that minimise another divergence are judged by a measure " +
			"they do not minimise. All arms have the learning rates of the recipe, which were chosen for forward KL.",
		recipe:   "stories",
		sets:     []string{"teacher.model=" + stories, "train.epochs=0", "train.tokens=1500000"},
		measures: []measure{kl, perplexity, agreement, trainSeconds},
		arms: []arm{
			{"text", []string{"train.loss.kind=ce", "teacher.signal.kind=none"}},
			{"forward KL sampled 12", nil},
			{"forward KL top-k 12", []string{"teacher.signal.kind=topk"}},
			{"forward KL top-k 64", []string{"teacher.signal.kind=topk", "teacher.signal.k=64"}},
			{"reverse KL top-k 64", []string{"teacher.signal.kind=topk", "teacher.signal.k=64", "train.loss.kind=reverse_kl"}},
			{"JSD top-k 64", []string{"teacher.signal.kind=topk", "teacher.signal.k=64", "train.loss.kind=jsd"}},
			{"half KL half text", []string{"train.loss.weight=0.5"}},
			{"AdamW sampled 12", []string{"train.optimizer.kind=adamw"}},
		},
	})
}
