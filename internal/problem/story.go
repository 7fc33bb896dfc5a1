package problem

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A scene is what a story is about. A story has one opening, any number of events and one ending; the question is the
// last sentence of the ending.
type scene struct {
	openings, events, endings []template
}

// A template tells one part of a story. do draws the numbers and does the calculations; say holds the wordings, of
// which one is taken, with the story's words and numbers in braces (see [story.fill]).
type template struct {
	name  string
	steps int // calculations that do adds to the chain
	do    func(*story)
	say   []string
}

// story is a problem while it is being told.
type story struct {
	rng   *rand.Rand
	words []string // placeholder, value, placeholder, value …, for strings.NewReplacer
	total int      // what the hero has by now
	chain Chain
	text  []string
	used  []string
	stuck bool // a template could not draw its numbers or left the range
}

// tell returns a problem of the given number of steps, without ID and split. Stories that get stuck are begun anew.
func tell(rng *rand.Rand, steps int) Problem {
	for {
		s := &story{rng: rng}
		s.cast()
		if s.run(pickScene(rng), steps) {
			return s.finish(strings.Join(s.text, " "))
		}
	}
}

// pickScene draws what a story is about: mostly things, whose templates are the most.
func pickScene(rng *rand.Rand) *scene {
	switch n := rng.IntN(20); {
	case n < 11:
		return &thingScene
	case n < 15:
		return &moneyScene
	case n < 17:
		return &bookScene
	default:
		return &tripScene
	}
}

// cast draws the hero {N}, the friend {M} and the words of the story: {o} the things, {c} their containers.
func (s *story) cast() {
	hero := person{pick(s.rng, women), "she", "her", "her"}
	friend := pick(s.rng, men)
	if s.rng.IntN(2) == 0 {
		hero, friend = person{friend, "he", "him", "his"}, hero.name
	}
	s.words = []string{
		"{N}", hero.name, "{M}", friend,
		"{he}", hero.he, "{He}", strings.ToUpper(hero.he[:1]) + hero.he[1:], "{him}", hero.him, "{his}", hero.his,
		"{o}", pick(s.rng, things), "{c}", pick(s.rng, containers),
	}
}

// run tells a story of exactly the given number of steps and reports whether it came to its end.
func (s *story) run(sc *scene, steps int) bool {
	opening, ending := pick(s.rng, sc.openings), pick(s.rng, sc.endings)
	left := steps - opening.steps - ending.steps
	if left < 0 {
		return false
	}
	s.apply(opening)
	for left > 0 && !s.stuck {
		event := pick(s.rng, sc.events)
		if event.steps <= left {
			left -= event.steps
			s.apply(event)
		}
	}
	s.apply(ending)
	return !s.stuck && len(s.chain) == steps
}

// apply adds one part to the story, unless it is stuck.
func (s *story) apply(t template) {
	if s.stuck {
		return
	}
	known := len(s.words)
	t.do(s)
	if !s.stuck {
		s.text = append(s.text, s.fill(pick(s.rng, t.say)))
		s.used = append(s.used, t.name)
	}
	s.words = s.words[:known] // numbers are words of their own template alone
}

// fill replaces the placeholders of a wording.
func (s *story) fill(wording string) string {
	return strings.NewReplacer(s.words...).Replace(wording)
}

// draw returns a number from lo to hi, at least 2, and makes it the word {name}.
func (s *story) draw(name string, lo, hi int) int {
	if hi < lo {
		s.stuck = true
		return lo
	}
	n := lo + s.rng.IntN(hi-lo+1)
	s.words = append(s.words, "{"+name+"}", strconv.Itoa(n))
	return n
}

// divisor draws a divisor of n from 2 to hi whose quotient is from 2 to 99, and makes it the word {name}.
func (s *story) divisor(name string, n, hi int) int {
	var fit []int
	for d := 2; d <= hi; d++ {
		if n%d == 0 && n/d >= 2 && n/d <= 99 {
			fit = append(fit, d)
		}
	}
	if len(fit) == 0 {
		s.stuck = true
		return 1
	}
	d := pick(s.rng, fit)
	s.words = append(s.words, "{"+name+"}", strconv.Itoa(d))
	return d
}

// name makes text the word {name}.
func (s *story) name(name, text string) { s.words = append(s.words, "{"+name+"}", text) }

// calc adds a calculation to the chain and returns its result.
func (s *story) calc(a int, op Op, b int) int {
	e, ok := calculate(a, op, b)
	if !ok {
		s.stuck = true
		return 1
	}
	s.chain = append(s.chain, e)
	return e.Result
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }
