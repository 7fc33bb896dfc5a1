package problem

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is one of the four operations, written as its sign.
type Op byte

// The four operations. Quotients are always whole.
const (
	Plus  Op = '+'
	Minus Op = '-'
	Times Op = '*'
	Over  Op = '/'
)

// maxValue bounds every number of a problem: three digits are what the built-in models learn.
const maxValue = 999

// Equation is one calculation: A Op B = Result, all of them whole numbers from 1 to 999.
type Equation struct {
	A      int
	Op     Op
	B      int
	Result int
}

// calculate returns the equation that A, an operation and B make, and whether its result is a whole number in range.
func calculate(a int, op Op, b int) (Equation, bool) {
	e := Equation{A: a, Op: op, B: b}
	exact := true
	switch op {
	case Plus:
		e.Result = a + b
	case Minus:
		e.Result = a - b
	case Times:
		e.Result = a * b
	case Over:
		exact = b != 0 && a%b == 0
		if exact {
			e.Result = a / b
		}
	default:
		panic(fmt.Sprintf("problem: no operation %q", op))
	}
	return e, exact && 1 <= e.Result && e.Result <= maxValue
}

// String returns the bare equation, such as 34+58=92.
func (e Equation) String() string {
	return fmt.Sprintf("%d%c%d=%d", e.A, e.Op, e.B, e.Result)
}

// Work returns the equation worked out in steps that need one carry at most. Everything between the equals signs has
// the same value.
//
//	34+58=84+8=92           the second summand place by place
//	92-58=42-8=34           likewise
//	34*5=150+20=170         the larger factor split into tens and units
//	84/7=70/7+14/7=10+2=12  the quotient's tens and units apart
//
// What needs no such step is written as it is: 34+8=42, 7*8=56, 56/7=8.
func (e Equation) Work() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d%c%d", e.A, e.Op, e.B)
	switch e.Op {
	case Plus, Minus:
		for done, rest := e.A, e.B; ; {
			place := leadingPlace(rest)
			if place == rest {
				break
			}
			if e.Op == Plus {
				done += place
			} else {
				done -= place
			}
			rest -= place
			fmt.Fprintf(&b, "=%d%c%d", done, e.Op, rest)
		}
	case Times:
		large, small := max(e.A, e.B), min(e.A, e.B)
		if tens := leadingPlace(large); tens != large {
			fmt.Fprintf(&b, "=%d+%d", tens*small, (large-tens)*small)
		}
	case Over:
		if tens := leadingPlace(e.Result); tens != e.Result {
			units := e.Result - tens
			fmt.Fprintf(&b, "=%d/%d+%d/%d=%d+%d", tens*e.B, e.B, units*e.B, e.B, tens, units)
		}
	}
	return b.String() + "=" + strconv.Itoa(e.Result)
}

// leadingPlace returns n with every digit but the first replaced by zero: 58 gives 50, 158 gives 100, 8 gives 8.
func leadingPlace(n int) int {
	place := 1
	for n/place >= 10 {
		place *= 10
	}
	return n / place * place
}

// Chain is a sequence of calculations.
type Chain []Equation

// Key returns the bare equations, joined by blanks, with the smaller operand of sums and products first: equal for
// chains that are the same arithmetic.
func (c Chain) Key() string {
	parts := make([]string, len(c))
	for i, e := range c {
		if (e.Op == Plus || e.Op == Times) && e.A > e.B {
			e.A, e.B = e.B, e.A
		}
		parts[i] = e.String()
	}
	return strings.Join(parts, " ")
}

// Work returns the worked equations, one a line: the chain of thought.
func (c Chain) Work() string {
	lines := make([]string, len(c))
	for i, e := range c {
		lines[i] = e.Work()
	}
	return strings.Join(lines, "\n")
}
