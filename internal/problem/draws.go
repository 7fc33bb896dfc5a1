package problem

// What the templates do with the numbers, apart from how they say it. A product's factors are {a} and {b} in the
// order in which they are told.

// begin sets the total to a number that the story tells.
func begin(s *story) { s.total = s.draw("t", 3, 99) }

// beginGroups sets it to a groups of b.
func beginGroups(s *story) { s.total = s.calc(s.draw("a", 2, 9), Times, s.draw("b", 2, 12)) }

// beginSum sets it to a and b together.
func beginSum(s *story) { s.total = s.calc(s.draw("a", 2, 99), Plus, s.draw("b", 2, 99)) }

// gain adds b.
func gain(s *story) { s.total = s.calc(s.total, Plus, s.draw("b", 2, 99)) }

// lose takes b away.
func lose(s *story) { s.total = s.calc(s.total, Minus, s.draw("b", 2, min(99, s.total-1))) }

// gainGroups adds a groups of b.
func gainGroups(s *story) {
	s.total = s.calc(s.total, Plus, s.calc(s.draw("a", 2, 9), Times, s.draw("b", 2, 12)))
}

// loseGroups takes a groups of b away.
func loseGroups(s *story) {
	a := s.draw("a", 2, 9)
	s.total = s.calc(s.total, Minus, s.calc(a, Times, s.draw("b", 2, min(12, (s.total-1)/a))))
}

// multiply makes the total k times as large; {k} is the factor in words.
func multiply(s *story) {
	s.atMost(99)
	k := 2 + s.rng.IntN(4)
	s.name("k", factors[k])
	s.total = s.calc(s.total, Times, k)
}

// fraction leaves a fraction of the total; {f} is the fraction in words.
func fraction(s *story) {
	d := s.divisor("d", s.total, 5)
	s.name("f", fractions[d])
	s.total = s.calc(s.total, Over, d)
}

// divide splits the total into d equal parts.
func divide(s *story) { s.total = s.calc(s.total, Over, s.divisor("d", s.total, 9)) }

// price multiplies the total by b.
func price(s *story) {
	s.atMost(99)
	s.total = s.calc(s.total, Times, s.draw("b", 2, 9))
}

// reach asks what is missing to a goal g.
func reach(s *story) { s.total = s.calc(s.draw("g", s.total+2, s.total+99), Minus, s.total) }

// ahead asks by how much the total exceeds the friend's b.
func ahead(s *story) { lose(s) }

// Comparisons: the friend has more, fewer, a multiple or a fraction, and both are added up.

func together(s *story, compare func(*story)) {
	mine := s.total
	compare(s)
	s.total = s.calc(mine, Plus, s.total)
}

func togetherMore(s *story)     { together(s, gain) }
func togetherFewer(s *story)    { together(s, lose) }
func togetherMultiple(s *story) { together(s, multiply) }
func togetherFraction(s *story) { together(s, fraction) }

// still changes nothing.
func still(*story) {}

// afterEvents changes nothing and makes sense only once something has happened.
func afterEvents(s *story) {
	if len(s.used) < 2 {
		s.stuck = true
	}
}

// atMost gets the story stuck when its total is above n.
func (s *story) atMost(n int) {
	if s.total > n {
		s.stuck = true
	}
}
