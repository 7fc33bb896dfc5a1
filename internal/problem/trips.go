package problem

// bookScene: somebody reads a book to the end.
var bookScene = scene{
	openings: []template{
		{"book of", 0, begin, []string{"{N} has a book of {t} pages.", "{N} reads a book with {t} pages."}},
		{"book of parts", 1, beginGroups, []string{"{N} has a book of {a} parts with {b} pages each."}},
	},
	events: []template{
		{"book read", 1, lose, []string{"{He} reads {b} pages.", "On Monday {he} reads {b} pages.", "Then {he} reads {b} pages more."}},
		{"book read daily", 2, loseGroups, []string{"{He} reads {a} pages a day for {b} days.", "Then {he} reads {a} pages on each of {b} days."}},
	},
	endings: []template{
		{"book left", 0, afterEvents, []string{"How many pages are left?", "How many pages does {he} have left?"}},
		{"book finish", 1, divide, []string{"{He} reads the rest in {d} days, with equally many pages each day. How many pages does {he} read each day?", "{He} reads {d} pages a day to the end. How many days does {he} need?"}},
	},
}

// tripScene: somebody covers a distance.
var tripScene = scene{
	openings: []template{
		{"trip goes", 0, begin, []string{"{N} rides {t} miles.", "{N} rides {t} miles on Monday."}},
		{"trip at speed", 1, beginGroups, []string{"{N} rides {a} miles an hour for {b} hours.", "{N} rides {a} miles a day for {b} days."}},
		{"trip on two days", 1, beginSum, []string{"{N} rides {a} miles on Monday and {b} miles on Tuesday."}},
	},
	events: []template{
		{"trip on", 1, gain, []string{"Then {he} rides another {b} miles.", "The next day {he} rides another {b} miles."}},
		{"trip on daily", 2, gainGroups, []string{"Then {he} rides {a} miles a day for {b} days.", "Then {he} rides {a} miles an hour for {b} hours."}},
	},
	endings: []template{
		{"trip total", 0, still, []string{"How many miles does {he} ride in total?", "How many miles does {N} ride in all?"}},
		{"trip left", 1, reach, []string{"The way is {g} miles long. How many miles are left?", "{He} wants to ride {g} miles in total. How many more miles does {he} need?"}},
		{"trip again", 1, multiply, []string{"{M} rides {k} as many miles as {N}. How many miles does {M} ride?"}},
		{"trip fraction", 1, fraction, []string{"{M} rides {f} as many miles as {N}. How many miles does {M} ride?"}},
	},
}
