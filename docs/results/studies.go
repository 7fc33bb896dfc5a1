package main

import "slices"

// study is one question: a recipe, settings that all its arms share, and the arms.
type study struct {
	name, title, question string
	recipe                string
	sets                  []string
	measures              []measure
	arms                  []arm
	conclusions           []string // what follows for the recipes' defaults
}

// arm is one way of doing it. The first arm of a study is the one that the others are compared with.
type arm struct {
	name    string
	sets    []string
	against string // the arm it is compared with instead of the first

	timeOf string // at equal time: the arm whose processor time it is given
	twin   string // and the arm at equal tokens that is the same but for its length
}

// light leaves out of a run what no study reads.
var light = []string{"export.formats=[q4_0]", "export.hf=false", "export.modelfile=false", "train.control=none", "eval.speed=false",
	"eval.gates.not_worse=false", "report.samples=0"}

// setsOf returns all settings of an arm: one at equal time has those of its twin.
func (s *study) setsOf(a arm) []string {
	if at := slices.IndexFunc(s.arms, func(b arm) bool { return b.name == a.twin }); a.twin != "" && at >= 0 {
		a = s.arms[at]
	}
	return slices.Concat(light, s.sets, a.sets)
}

// studies lists every question. Those about stories need the teacher's file.
func studies(stories string) []*study {
	all := []*study{reasoner(), fewProblems()}
	if stories != "" {
		all = append(all, storyWriter(stories))
	}
	return all
}

var (
	dense   = []string{"train.loss.kind=forward_kl", "train.loss.dense=true"}
	reverse = []string{"train.loss.kind=reverse_kl", "train.loss.dense=true"}
	jsd     = []string{"train.loss.kind=jsd", "train.loss.dense=true"}
	qat     = []string{"train.qat.type=q4_0", "train.qat.share=0.15"}
)

// own mixes answers of the student's own into what else an arm does.
func own(loss string, sets ...string) []string {
	return append(sets, "train.on_policy.share=0.5", "train.on_policy.start=0.25", "train.on_policy.loss="+loss)
}

func with(sets []string, more ...string) []string { return slices.Concat(sets, more) }

// reasoner asks on the task where the teacher is nearly certain of every token and answers can be right or wrong.
func reasoner() *study {
	return &study{
		name:  "reasoner",
		title: "The reasoner: a teacher that is nearly certain of every token",
		conclusions: []string{
			"This teacher is nearly certain of every token, so its text says nearly all that its distribution does: top-k is not better than text, " +
				"and `quickstart` learns from text. Reverse KL and JSD, from random weights and at these rates, leave the student far behind. " +
				"Own answers are no better than text either, and at equal " +
				"time far worse: where there are problems enough, each new one says more than another look at an old one.",
			"The teacher's layers are the best start here as well. `quickstart` begins from random weights all the same, so that all its student " +
				"knows came through the data; for a recipe of one's own, `student.from: teacher` with a `cut` is the first thing to try.",
			"A phase under the rounding of Q4_0 makes the Q4_0 file as good as the float one, where it is some points worse without: for those who ship " +
				"the small file, `train.qat: {type: q4_0}` is worth its 15 % of the steps.",
		},
		question: "The built-in model of 2.8M parameters solves word problems; its student has 311,000, and the one cut from its layers 347,000. Does its distribution teach more than " +
			"its words, and do the student's own mistakes, where there are more problems than the student can read?",
		recipe: "quickstart",
		sets: []string{"prompts.problems.count=6000", "prompts.heldout=0.08", "train.tokens=1500000", "eval.prompts=400", "eval.max_tokens=160",
			"eval.gates.of_teacher=0"},
		measures: []measure{exactMatch, exactMatchQ4, kl, perplexity, tokens, trainSeconds},
		arms: []arm{
			{name: "text"},
			{name: "forward KL, top-k 12", sets: []string{"teacher.signal.kind=topk", "train.loss.kind=forward_kl"}},
			{name: "half on own answers, forward KL", sets: own("forward_kl")},
			{name: "from the teacher's layers", sets: []string{"student.from=teacher", "student.cut.layers=3", "student.cut.width=96", "student.cut.ffn=160",
				"student.cut.heads=2", "student.cut.kv_heads=2"}},
			{name: "text, then Q4_0 in training", sets: qat},
			{name: "forward KL, dense", sets: dense},
			{name: "reverse KL, top-k 12", sets: []string{"teacher.signal.kind=topk", "train.loss.kind=reverse_kl"}},
			{name: "JSD, top-k 12", sets: []string{"teacher.signal.kind=topk", "train.loss.kind=jsd"}},
			{name: "text at the time of own answers", timeOf: "half on own answers, forward KL", twin: "text", against: "half on own answers, forward KL"},
		},
	}
}

// fewProblems asks the same where the student must read each problem many times.
func fewProblems() *study {
	return &study{
		name:  "few-problems",
		title: "The reasoner with few problems: each is read many times",
		conclusions: []string{
			"Where each problem is read twenty times, answers of the student's own, judged by forward KL, make more of the same tokens: half of the KL, " +
				"beyond the spread, and with each seed more exact matches. They take twice the time, and reading the same text twice as often instead is " +
				"level with them within the spread. So `train.on_policy` is off by default; it is worth its time where the student is to come near to " +
				"the teacher's distribution and the teacher can write no more. JSD and reverse KL on own answers are no better than text beyond the spread.",
			"On the teacher's text, forward KL by its whole distribution or its likeliest tokens is no better than the text alone here either; reverse KL " +
				"and JSD from random weights leave the student far behind.",
		},
		question: "The same, but there are 1,200 problems to learn from, so that the student reads each about twenty times. The teacher could write no more text.",
		recipe:   "quickstart",
		sets: []string{"prompts.problems.count=1500", "prompts.heldout=0.2", "train.tokens=2000000", "eval.prompts=300", "eval.max_tokens=160",
			"eval.gates.of_teacher=0"},
		measures: []measure{exactMatch, exactMatchQ4, kl, perplexity, tokens, trainSeconds},
		arms: []arm{
			{name: "text"},
			{name: "forward KL, top-k 12", sets: []string{"teacher.signal.kind=topk", "train.loss.kind=forward_kl"}},
			{name: "forward KL, dense", sets: dense},
			{name: "reverse KL, dense", sets: reverse},
			{name: "JSD, dense", sets: jsd},
			{name: "half on own answers, forward KL", sets: own("forward_kl")},
			{name: "half on own answers, JSD", sets: own("jsd")},
			{name: "half on own answers, reverse KL", sets: own("reverse_kl")},
			{name: "text at the time of own answers", timeOf: "half on own answers, forward KL", twin: "text", against: "half on own answers, forward KL"},
		},
	}
}

// storyWriter asks on a teacher whose next word is open.
func storyWriter(model string) *study {
	return &study{
		name:  "stories",
		title: "Stories: a teacher whose next word is open",
		conclusions: []string{
			"A distribution teaches more than text, at equal tokens and at equal time. Twelve draws a token are as good as the whole distribution " +
				"within the spread and take less than half of its processor time, so `stories` keeps `{kind: sampled, k: 12}` and no teacher runs along.",
			"From random weights, reverse KL and JSD are far behind in everything that was measured: forward KL is the loss of the recipes that " +
				"learn from a distribution, and the default of `train.on_policy.loss`.",
			"Answers of the student's own bring nothing here. With forward KL they are no better even on the student's own text; with reverse KL " +
				"the student comes nearer to the teacher there and goes away from it everywhere else. `train.on_policy` is off by default.",
			"Starting from the teacher's layers is the largest gain of all, and `stories` does so.",
			"Hidden states matched to the teacher's help in everything that was measured, at equal tokens: text with them is as good as the whole " +
				"distribution without, and both together better than either. They cost a teacher that runs along, twice the time of text, so " +
				"`train.hidden` is for those whose text is short and whose teacher is at hand; `stories` starts from the teacher's layers instead.",
			"A phase under the rounding of Q4_0, which adds 15 % of the steps, makes the Q4_0 file better and the float one worse: it is for those " +
				"who ship the small file, and off by default. It begins at a twentieth of the peak rate; at the peak it undid more than it settled.",
		},
		question: "stories260K writes, a student of 56,500 parameters, a fifth of it, learns. Which signal, which divergence and which start teach most? " +
			"The student cut from the teacher's layers has its untied embeddings, 72,900 parameters in all, a quarter, and is compared with one of the same shape. " +
			"All arms have the learning rates of the recipe, which were chosen for forward KL.",
		recipe: "stories",
		sets: []string{"teacher.model=" + model, "train.epochs=0", "train.tokens=750000", "eval.own_answers=100",
			"student.cut=null", "student={from: scratch, layers: 3, width: 32, ffn: 96, heads: 4, context: 256}"},
		measures: []measure{kl, perplexity, klOwn, klQ4, tokens, trainSeconds},
		arms: []arm{
			{name: "text", sets: []string{"train.loss.kind=ce", "teacher.signal.kind=none"}},
			{name: "forward KL, sampled 12"},
			{name: "forward KL, top-k 12", sets: []string{"teacher.signal.kind=topk"}},
			{name: "forward KL, top-k 64", sets: []string{"teacher.signal.kind=topk", "teacher.signal.k=64"}},
			{name: "forward KL, dense", sets: dense},
			{name: "reverse KL, dense", sets: reverse, against: "forward KL, dense"},
			{name: "JSD, dense", sets: jsd, against: "forward KL, dense"},
			{name: "text, hidden states matched", sets: with(dense, "train.loss.weight=0", "train.hidden.factor=1")},
			{name: "forward KL, dense, hidden states matched", sets: with(dense, "train.hidden.factor=1"), against: "forward KL, dense"},
			{name: "half on own answers, forward KL", sets: own("forward_kl", dense...), against: "forward KL, dense"},
			{name: "half on own answers, JSD", sets: own("jsd", dense...), against: "forward KL, dense"},
			{name: "half on own answers, reverse KL", sets: own("reverse_kl", dense...), against: "forward KL, dense"},
			{name: "untied embeddings, dense", sets: with(dense, "student.tied=false"), against: "forward KL, dense"},
			{name: "from the teacher's layers, dense", against: "untied embeddings, dense", sets: with(dense, "student.from=teacher", "student.cut.layers=3",
				"student.cut.width=32", "student.cut.ffn=96", "student.cut.heads=4", "student.cut.kv_heads=4")},
			{name: "dense, then Q4_0 in training", sets: with(dense, qat...), against: "forward KL, dense"},
			{name: "text at the time of own answers", timeOf: "half on own answers, forward KL", twin: "text", against: "half on own answers, forward KL"},
			{name: "sampled 12 at the time of own answers", timeOf: "half on own answers, forward KL", twin: "forward KL, sampled 12", against: "half on own answers, forward KL"},
			{name: "dense at the time of own answers", timeOf: "half on own answers, forward KL", twin: "forward KL, dense", against: "half on own answers, forward KL"},
		},
	}
}
