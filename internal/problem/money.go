package problem

// moneyScene: somebody saves, earns and spends dollars.
var moneyScene = scene{
	openings: []template{
		{"money has", 0, begin, []string{"{N} has {t} dollars.", "{N} starts with {t} dollars."}},
		{"money saved", 1, beginGroups, []string{"{N} saves {a} dollars a week for {b} weeks.", "{N} works {a} hours for {b} dollars an hour."}},
		{"money from two", 1, beginSum, []string{"{N} has {a} dollars in one bag and {b} dollars in another.", "{N} gets {a} dollars on Monday and {b} dollars on Tuesday."}},
	},
	events: []template{
		{"money earn", 1, gain, []string{"{He} gets {b} dollars from {M}.", "Then {he} finds {b} dollars.", "{M} gives {him} {b} dollars."}},
		{"money spend", 1, lose, []string{"{He} spends {b} dollars on a game.", "{He} gives {b} dollars to {M}.", "Then {he} loses {b} dollars."}},
		{"money buy", 2, loseGroups, []string{"{He} buys {a} {o} for {b} dollars each.", "{He} spends {a} dollars a day for {b} days."}},
		{"money sell", 2, gainGroups, []string{"{He} sells {a} {o} for {b} dollars each.", "Then {he} saves {a} dollars a week for {b} weeks."}},
	},
	endings: []template{
		{"money now", 0, still, []string{"How many dollars does {N} have now?", "How many dollars does {he} have in the end?"}},
		{"money reach", 1, reach, []string{"A bike costs {g} dollars. How many more dollars does {he} need?", "{He} wants to have {g} dollars. How many more dollars does {he} need?"}},
		{"money afford", 1, divide, []string{"A ticket costs {d} dollars. How many tickets does {he} get for all the money?", "{He} buys {o} for {d} dollars each with all the money. How many {o} does {he} get?"}},
		{"money share", 1, divide, []string{"{He} shares the money equally among {d} friends. How many dollars does each friend get?"}},
		{"money fraction", 1, fraction, []string{"{He} keeps {f} of the money. How many dollars does {he} have in the end?"}},
		{"money multiple", 1, multiply, []string{"{M} has {k} as many dollars as {N}. How many dollars does {M} have?"}},
	},
}
