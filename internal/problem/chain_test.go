package problem

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// evaluate is an independent reading of what the package writes: sums of products, left to right, whole quotients.
func evaluate(t *testing.T, expression string) int {
	t.Helper()
	total, sign := 0, 1
	for expression != "" {
		end := strings.IndexAny(expression, "+-")
		term := expression
		if end >= 0 {
			term = expression[:end]
		}
		total += sign * evaluateTerm(t, term)
		if end < 0 {
			break
		}
		sign = 1
		if expression[end] == '-' {
			sign = -1
		}
		expression = expression[end+1:]
	}
	return total
}

func evaluateTerm(t *testing.T, term string) int {
	t.Helper()
	number := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatalf("term %q: %v", term, err)
		}
		return n
	}
	if a, b, ok := strings.Cut(term, "*"); ok {
		return number(a) * number(b)
	}
	if a, b, ok := strings.Cut(term, "/"); ok {
		if number(a)%number(b) != 0 {
			t.Fatalf("%q leaves a remainder", term)
		}
		return number(a) / number(b)
	}
	return number(term)
}

// checkWork holds a worked equation against its bare form: it starts with the calculation, ends with the result, and
// everything between equals signs has one value.
func checkWork(t *testing.T, work string, e Equation) {
	t.Helper()
	parts := strings.Split(work, "=")
	if want := strconv.Itoa(e.A) + string(e.Op) + strconv.Itoa(e.B); parts[0] != want {
		t.Fatalf("%q begins with %q, want %q", work, parts[0], want)
	}
	if last := parts[len(parts)-1]; last != strconv.Itoa(e.Result) {
		t.Fatalf("%q ends with %q, want %d", work, last, e.Result)
	}
	for _, part := range parts {
		if got := evaluate(t, part); got != e.Result {
			t.Fatalf("%q: %q is %d, want %d", work, part, got, e.Result)
		}
	}
}

func TestWorkOfEveryEquation(t *testing.T) {
	check := func(a int, op Op, b int) {
		if e, ok := calculate(a, op, b); ok {
			checkWork(t, e.Work(), e)
		}
	}
	for a := 1; a <= maxValue; a++ {
		for b := 1; b <= 99; b++ {
			check(a, Times, b)
			check(a, Over, b)
		}
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		a, b := 1+rng.IntN(maxValue), 1+rng.IntN(maxValue)
		check(a, Plus, b)
		check(max(a, b), Minus, min(a, b))
	}
}

func TestCalculateRefuses(t *testing.T) {
	for _, c := range []struct {
		a  int
		op Op
		b  int
	}{{999, Plus, 1}, {5, Minus, 5}, {5, Minus, 6}, {500, Times, 2}, {7, Over, 2}, {7, Over, 0}} {
		if e, ok := calculate(c.a, c.op, c.b); ok {
			t.Errorf("calculate(%d, %c, %d) = %v, want a refusal", c.a, c.op, c.b, e)
		}
	}
}

func TestKeyForgetsTheOrderOfOperands(t *testing.T) {
	chain := func(a, b int) Chain { return Chain{{a, Plus, b, a + b}, {9, Times, 3, 27}, {27, Minus, 5, 22}} }
	if x, y := chain(58, 34).Key(), chain(34, 58).Key(); x != y {
		t.Errorf("keys %q and %q, want one key for both orders", x, y)
	}
	if got, want := chain(58, 34).Key(), "34+58=92 3*9=27 27-5=22"; got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}
