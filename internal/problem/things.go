package problem

// thingScene: somebody has things, gets and gives some, and is compared with a friend.
var thingScene = scene{
	openings: []template{
		{"things had", 0, begin, []string{"{N} has {t} {o}.", "{N} starts with {t} {o}.", "There are {t} {o} in the bag of {N}."}},
		{"things got", 0, begin, []string{"{N} buys {t} {o}.", "{N} collects {t} {o}.", "{N} gets {t} {o} on Monday."}},
		{"things in groups", 1, beginGroups, []string{"{N} has {a} {c} of {b} {o} each.", "{N} buys {a} {c} with {b} {o} in each.", "There are {a} {o} in each of the {b} {c} of {N}."}},
		{"things in rows", 1, beginGroups, []string{"{N} lays {o} in {a} rows of {b}.", "{N} puts {o} on {a} shelves, {b} on each shelf."}},
		{"things on two days", 1, beginSum, []string{"{N} finds {a} {o} on Monday and {b} {o} on Tuesday.", "{N} gets {a} {o} in the morning and {b} in the evening."}},
		{"things of two colors", 1, beginSum, []string{"{N} has {a} red {o} and {b} blue {o}.", "{N} has {a} big {o} and {b} small {o}."}},
	},
	events: []template{
		{"things gain", 1, gain, []string{"{He} buys {b} more.", "{He} finds {b} more {o}.", "{M} gives {him} {b} {o}.", "Then {he} gets {b} more {o}."}},
		{"things lose", 1, lose, []string{"{He} gives {b} {o} to {M}.", "{He} loses {b} of them.", "{He} sells {b} {o}.", "Then {M} takes {b} {o}."}},
		{"things gain groups", 2, gainGroups, []string{"{He} buys {a} {c} of {b} {o}.", "{M} brings {a} {c} with {b} {o} each.", "Then {he} wins {a} {o} in each of {b} games."}},
		{"things lose groups", 2, loseGroups, []string{"{He} gives {a} {o} to each of {b} friends.", "{He} sells {a} {c} of {b} {o}.", "{He} uses {a} {o} a day for {b} days."}},
		{"things multiply", 1, multiply, []string{"Soon {he} has {k} as many.", "After a year {he} has {k} as many {o}."}},
		{"things keep", 1, fraction, []string{"{He} keeps {f} of them.", "{He} keeps only {f} of the {o}."}},
	},
	endings: []template{
		{"things now", 0, still, []string{"How many {o} does {N} have now?", "How many {o} does {he} have now?"}},
		{"things in the end", 0, still, []string{"How many {o} does {N} have in the end?", "How many {o} does {he} have in the end?"}},
		{"things price", 1, price, []string{"Each one costs {b} dollars. How many dollars are all the {o} worth?", "{He} sells them for {b} dollars each. How many dollars does {he} get?"}},
		{"things share", 1, divide, []string{"{He} shares all {o} equally among {d} friends. How many {o} does each friend get?", "{He} puts all {o} into {d} equal {c}. How many {o} are in each of the {c}?"}},
		{"things pack", 1, divide, []string{"{He} packs them into {c} of {d} {o}. How many {c} does {he} fill?", "{He} puts {d} {o} on each plate. How many plates does {he} need?"}},
		{"things reach", 1, reach, []string{"{He} wants to have {g} {o}. How many more {o} does {he} need?", "{M} has {g} {o}. How many more {o} does {M} have than {N}?"}},
		{"things ahead", 1, ahead, []string{"{M} has {b} {o}. How many more {o} does {N} have than {M}?", "{M} has only {b}. How many fewer {o} does {M} have than {N}?"}},
		{"things join", 1, gain, []string{"{M} has {b} {o}. How many {o} do they have together?", "{M} has {b} {o}. How many {o} do {N} and {M} have in total?"}},
		{"things more", 1, gain, []string{"{M} has {b} more {o} than {N}. How many {o} does {M} have?"}},
		{"things fewer", 1, lose, []string{"{M} has {b} fewer {o} than {N}. How many {o} does {M} have?"}},
		{"things multiple", 1, multiply, []string{"{M} has {k} as many {o} as {N}. How many {o} does {M} have?"}},
		{"things fraction", 1, fraction, []string{"{M} has {f} as many {o} as {N}. How many {o} does {M} have?"}},
		{"things together more", 2, togetherMore, []string{"{M} has {b} more {o} than {N}. How many {o} do they have together?"}},
		{"things together fewer", 2, togetherFewer, []string{"{M} has {b} fewer {o} than {N}. How many {o} do they have together?"}},
		{"things together multiple", 2, togetherMultiple, []string{"{M} has {k} as many {o} as {N}. How many {o} do they have together?"}},
		{"things together fraction", 2, togetherFraction, []string{"{M} has {f} as many {o} as {N}. How many {o} do they have together?"}},
	},
}
