package problem

// The words are few and short on purpose: a tokenizer of some hundred entries holds each of them whole, and a small
// model meets each of them often. All count nouns are regular plurals; numbers in stories are at least 2, so the
// singular never occurs.

type person struct{ name, he, him, his string }

// Names, by pronoun. The friend of a story goes by the other pronoun than its hero, so a pronoun is never ambiguous.
var (
	women = []string{"Anna", "Mia", "Lily", "Emma", "Nora", "Ruth", "Lucy", "Zoe", "Rosa", "Kate"}
	men   = []string{"Tom", "Ben", "Sam", "Jack", "Leo", "Max", "Paul", "Omar", "Ivan", "Hugo"}
)

var things = []string{
	"apples", "marbles", "books", "coins", "stickers", "cards", "pencils", "cookies", "shells", "balloons",
	"eggs", "stamps", "beads", "lemons", "oranges", "toys", "candies", "flowers", "muffins", "pears",
}

var containers = []string{"boxes", "bags", "packs", "baskets", "jars"}

// fractions by their denominator, times by their factor.
var (
	fractions = map[int]string{2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"}
	factors   = map[int]string{2: "twice", 3: "3 times", 4: "4 times", 5: "5 times"}
)
