package hygiene

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
)

func row(question, response string) distill.Row {
	return distill.Row{ID: question, Prompt: distill.Prompt{ID: question, Messages: []distill.Message{{Role: "user", Content: question}}},
		Completion: distill.Completion{Response: response, FinishReason: distill.FinishStop}}
}

func sequence(rows []distill.Row) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

func must(t *testing.T) func(Step, error) Step {
	return func(s Step, err error) Step {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestFilters(t *testing.T) {
	must := must(t)
	prose := "The train leaves at noon and needs three hours for the way to the coast, where it waits for half an hour before it goes back the same way."
	for name, test := range map[string]struct {
		step   Step
		row    distill.Row
		reject bool
	}{
		"empty":              {NotEmpty(), row("q", " \n"), true},
		"not empty":          {NotEmpty(), row("q", "4"), false},
		"Latin":              {must(Scripts(0.9, "Latin")), row("q", "naïve, 42!"), false},
		"half Cyrillic":      {must(Scripts(0.9, "Latin")), row("q", "да yes"), true},
		"two scripts":        {must(Scripts(0.9, "Latin", "Cyrillic")), row("q", "да yes"), false},
		"no letters":         {must(Scripts(0.9, "Latin")), row("q", "42"), false},
		"loop":               {Repetition(0.3), row("q", strings.Repeat("and then we add one more to the sum ", 10)), true},
		"prose":              {Repetition(0.3), row("q", prose), false},
		"short repetition":   {Repetition(0.3), row("q", "no no no no no no no"), false},
		"sorry":              {Refusals(), row("q", "I'm sorry, but I can't help with that."), true},
		"language model":     {Refusals(), row("q", "As an AI language model, I cannot say."), true},
		"cannot":             {Refusals(), row("q", "I cannot assist with that request."), true},
		"sorry in the story": {Refusals(), row("q", "Ann was sorry, but she could not come: 3 guests were left."), false},
		"I can":              {Refusals(), row("q", "I can see that 4 is even."), false},
	} {
		if why, reject := test.step.Reject(&test.row); reject != test.reject {
			t.Errorf("%s: %v (%s)", name, reject, why)
		}
	}
	for name, err := range map[string]error{"script": second(Scripts(0.5, "Klingon")), "share": second(Scripts(2, "Latin")),
		"none": second(Scripts(0.5)), "threshold": second(Near(0)), "span": second(NewEvaluation(slices.Values([]string{}), 2))} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCleanCountsAndContinues(t *testing.T) {
	rows := []distill.Row{row("a", ""), row("b", "x"), row("c", "Sorry, I can't."), row("d", ""), row("e", ""), row("f", ""), row("g", "y")}
	clean := Clean(sequence(rows), NotEmpty(), Refusals())
	var left []string
	for row, err := range clean.Rows {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, row.ID)
	}
	if !slices.Equal(left, []string{"b", "g"}) {
		t.Error(left)
	}
	if r := clean.Reports[0]; r.Seen != 7 || r.Removed != 4 || len(r.Examples) != maxExamples || r.Examples[0].ID != "a" {
		t.Errorf("%+v", r)
	}
	if r := clean.Reports[1]; r.Seen != 3 || r.Removed != 1 || r.Step != "refusal" {
		t.Errorf("%+v", r)
	}
	wrong := errors.New("wrong")
	for _, err := range Clean(func(yield func(distill.Row, error) bool) { yield(distill.Row{}, wrong) }, NotEmpty()).Rows {
		if !errors.Is(err, wrong) {
			t.Error(err)
		}
	}
}

func TestExact(t *testing.T) {
	step := Exact()
	for _, test := range []struct {
		question, response string
		reject             bool
	}{
		{"Two and two?", "Four.", false}, {"two  and two", "FOUR", true}, {"Two and two?", "Five.", false}, {"Two", "and two? Four.", true},
	} {
		r := row(test.question, test.response)
		if _, reject := step.Reject(&r); reject != test.reject {
			t.Errorf("%q %q: %v", test.question, test.response, reject)
		}
	}
}

// The estimate from signatures is the Jaccard similarity of the sets, within four standard errors of 64 draws.
func TestSimilarityEstimatesJaccard(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var sum, n float64
	for range 400 {
		shared, own := random.IntN(200), random.IntN(100)
		var a, b []uint64
		for range shared {
			x := random.Uint64()
			a, b = append(a, x), append(b, x)
		}
		for range own + 1 {
			a, b = append(a, random.Uint64()), append(b, random.Uint64())
		}
		want := float64(shared) / float64(shared+2*(own+1))
		x, y := minHash(a), minHash(b)
		got := similarity(&x, &y)
		if e := math.Sqrt(want*(1-want)/minima) + 0.01; math.Abs(got-want) > 4.5*e {
			t.Fatalf("estimated %v where %v is right", got, want)
		}
		sum += got - want
		n++
	}
	if bias := sum / n; math.Abs(bias) > 0.01 {
		t.Errorf("bias of %v", bias)
	}
}

// prose returns n words of a small vocabulary that follow from a seed.
func prose(seed uint64, n int) []string {
	random := rand.New(rand.NewPCG(seed, 7))
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("w", random.IntN(400))
	}
	return out
}

// Texts that differ in two words of eighty are found, different texts are left, also among many.
func TestNearFindsWhatIsNear(t *testing.T) {
	step := must(t)(Near(0.7))
	const n = 3000
	for i := range n {
		r := row(fmt.Sprint("q", i), strings.Join(prose(uint64(i), 80), " "))
		if why, reject := step.Reject(&r); reject {
			t.Fatalf("row %d: %s", i, why)
		}
	}
	found := 0
	for i := range n {
		w := prose(uint64(i), 80)
		w[20], w[60] = "other", "words" // 6 of 80 runs of three: similarity 74/86
		r := row(fmt.Sprint("q", i), strings.Join(w, " "))
		if _, reject := step.Reject(&r); reject {
			found++
		}
	}
	// 99.6 % meet in a band at similarity 0.86; the estimate is above 0.7 in all but 0.1 % of cases.
	if found < n*98/100 {
		t.Errorf("%d of %d found", found, n)
	}
}

func TestContamination(t *testing.T) {
	evaluation, err := NewEvaluation(slices.Values([]string{
		"Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May.",
		"What is 5 plus 7?", "Too short",
	}), 8)
	if err != nil {
		t.Fatal(err)
	}
	step := Against(evaluation)
	for text, want := range map[string]string{
		"Once, Natalia sold clips to 48 of HER friends; in April!": "natalia sold clips to 48 of her friends",
		"Natalia sold clips to 47 of her friends in April":         "",
		"What is 5 plus 7?":          "what is 5 plus 7",
		"So: what is 5 plus 7, Ann?": "what is 5 plus 7",
		"Too short":                  "",
		"":                           "",
	} {
		for _, r := range []distill.Row{row(text, "x"), row("x", text)} {
			why, reject := step.Reject(&r)
			if reject != (want != "") || why != want {
				t.Errorf("%q: %q %v", text, why, reject)
			}
		}
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string][]string{
		"It's 4.5 km":  {"it", "s", "4", "5", "km"},
		"東京 is big":    {"東", "京", "is", "big"},
		"Äpfel\tÖL":    {"äpfel", "öl"},
		"":             nil,
		"...":          nil,
		"e\u0301te x1": {"e\u0301te", "x1"},
	} {
		if got := words(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// Shingles depend on the words alone, and there are as many as runs.
func TestShingles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SliceOfN(rapid.StringMatching(`[a-z]{1,4}`), 0, 20).Draw(t, "words")
		n := rapid.IntRange(1, 6).Draw(t, "n")
		got := shingles(w, n)
		want := 0
		if len(w) > 0 {
			want = max(1, len(w)-n+1)
		}
		if len(got) != want {
			t.Fatalf("%d runs of %d in %d words", len(got), n, len(w))
		}
		for i := range got {
			for j := range got {
				same := slices.Equal(w[i:min(i+n, len(w))], w[j:min(j+n, len(w))])
				if (got[i] == got[j]) != same {
					t.Fatalf("runs %d and %d of %q", i, j, w)
				}
			}
		}
	})
}

func BenchmarkNear(b *testing.B) {
	step, _ := Near(0.8)
	r := make([]distill.Row, 256)
	for i := range r {
		r[i] = row("q", strings.Join(prose(uint64(i), 150), " "))
	}
	for i := 0; b.Loop(); i++ {
		step.Reject(&r[i%len(r)])
	}
}

// Refusals are known in eight languages, and answers that begin alike are not taken for them.
func TestRefusalsByLanguage(t *testing.T) {
	for text, want := range map[string]bool{
		"I'm sorry, but I can't help with that.":                                  true,
		"As an AI language model, I cannot have opinions.":                        true,
		"很抱歉，我无法回答这个问题。":                                                          true,
		"抱歉，作为一个人工智能助手，我不能提供医疗建议。":                                                true,
		"对不起，我不能帮助你完成这个请求。":                                                       true,
		"Lo siento, pero no puedo ayudar con eso.":                                true,
		"Como modelo de lenguaje, no puedo dar consejos médicos.":                 true,
		"Je suis désolé, mais je ne peux pas vous aider.":                         true,
		"En tant qu'intelligence artificielle, je ne peux pas avoir d'avis.":      true,
		"Es tut mir leid, aber ich kann dabei nicht helfen.":                      true,
		"Leider kann ich Ihnen nicht weiterhelfen.":                               true,
		"Als KI-Sprachmodell kann ich keine Meinung haben.":                       true,
		"申し訳ありませんが、そのご質問にはお答えできません。":                                              true,
		"Извините, но я не могу помочь с этим.":                                   true,
		"Как языковая модель, я не имею собственного мнения.":                     true,
		"Desculpe, mas não posso ajudar com isso.":                                true,
		"Sorry is the hardest word, says the song.":                               false,
		"我可以帮你。首先计算总和。":                                                           false,
		"抱歉是一个动词。":                                                                false,
		"No puedo evitar sonreír: la respuesta es 4.":                             false,
		"Je suis d'accord, la réponse est 12.":                                    false,
		"Leider hat Tom nur 3 Äpfel, also braucht er 2 mehr.":                     false,
		"Kann man 12 durch 4 teilen? Ja, das gibt 3.":                             false,
		"答えは12です。":                                                                false,
		"К сожалению, в задаче не хватает числа; возьмём 3, тогда ответ 9.":       false,
		"Infelizmente o trem atrasou 20 minutos, portanto chegou às 14 horas e 5": false,
	} {
		row := distill.Row{Completion: distill.Completion{Response: text}}
		if why, got := Refusals().Reject(&row); got != want {
			t.Errorf("%s: rejected %v (%s)", text, got, why)
		}
	}
}
