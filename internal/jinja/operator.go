package jinja

import (
	"math"
	"strconv"
	"strings"
)

// arithmetic applies + - * / // % ** as Python does: to numbers, and to text and lists those that join and repeat.
func (m *machine) arithmetic(op string, left, right Value) Value {
	if op == "+" {
		if sum, ok := m.joinMarkup(left, right); ok {
			return sum
		}
	}
	left, right = plain(left), plain(right)
	if text, ok := left.(string); ok && op == "%" {
		return m.percent(text, right)
	}
	a, i, aExact, aOK := number(left)
	b, j, bExact, bOK := number(right)
	switch {
	case aOK && bOK && aExact && bExact:
		return integers(op, i, j)
	case aOK && bOK:
		return floats(op, a, b)
	case op == "+":
		if sum := m.join(left, right); sum != nil {
			return sum
		}
	case op == "*" && bExact:
		if all := m.repeat(left, j); all != nil {
			return all
		}
	case op == "*" && aExact:
		if all := m.repeat(right, i); all != nil {
			return all
		}
	}
	mustBeDefined(left, right)
	fail("unsupported operand types for %s: %q and %q", op, typeName(left), typeName(right))
	return nil
}

// join adds text to text, list to list and tuple to tuple; nil for anything else.
func (m *machine) join(left, right Value) Value {
	switch a := left.(type) {
	case string:
		if b, ok := right.(string); ok {
			m.allocate(len(a) + len(b))
			return m.text(a + b)
		}
	case List:
		if b, ok := right.(List); ok {
			return m.list(append(a[:len(a):len(a)], b...))
		}
	case Tuple:
		if b, ok := right.(Tuple); ok {
			return Tuple(m.list(append(List(a[:len(a):len(a)]), b...)))
		}
	}
	return nil
}

// repeat returns n copies of text, a list or a tuple in one; nil for anything else.
func (m *machine) repeat(v Value, n int) Value {
	n = max(n, 0)
	switch v := v.(type) {
	case string:
		if v == "" {
			return ""
		}
		n = min(n, maxBytes/len(v)+1) // which is beyond what is allowed, and no overflow
		m.allocate(n * len(v))
		return m.text(strings.Repeat(v, n))
	case List:
		return m.repeatItems(v, n)
	case Tuple:
		return Tuple(m.repeatItems(List(v), n))
	}
	return nil
}

func (m *machine) repeatItems(items List, n int) List {
	all := List{}
	for range n {
		if len(items) == 0 {
			break
		}
		all = append(all, m.list(items)...)
	}
	return all
}

func integers(op string, a, b int) Value {
	if b == 0 && (op == "/" || op == "//" || op == "%") {
		fail("division by zero")
	}
	switch op {
	case "+":
		if sum := a + b; (sum > a) == (b > 0) {
			return sum
		}
	case "-":
		if difference := a - b; (difference < a) == (b > 0) {
			return difference
		}
	case "*":
		if product, ok := times(a, b); ok {
			return product
		}
	case "/":
		return float64(a) / float64(b)
	case "//":
		if quotient := a / b; a != math.MinInt || b != -1 {
			if a%b != 0 && (a < 0) != (b < 0) {
				quotient--
			}
			return quotient
		}
	case "%":
		if rest := a % b; rest != 0 && (rest < 0) != (b < 0) {
			return rest + b
		} else {
			return rest
		}
	case "**":
		if b < 0 {
			return floats(op, float64(a), float64(b))
		}
		if power, ok := raise(a, b); ok {
			return power
		}
	}
	fail("%d %s %d goes beyond whole numbers of %d bits", a, op, b, strconv.IntSize)
	return nil
}

func times(a, b int) (int, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	product := a * b
	return product, product/b == a && (a != -1 || b != math.MinInt) && (b != -1 || a != math.MinInt)
}

// raise returns base to the power of exponent ≥ 0, by squaring.
func raise(base, exponent int) (power int, ok bool) {
	power, ok = 1, true
	for ; exponent > 0 && ok; exponent >>= 1 {
		if exponent&1 == 1 {
			if power, ok = times(power, base); !ok {
				return 0, false
			}
		}
		if exponent > 1 {
			base, ok = times(base, base)
		}
	}
	return power, ok
}

func floats(op string, a, b float64) Value {
	if b == 0 && (op == "/" || op == "//" || op == "%") || op == "**" && a == 0 && b < 0 {
		fail("division by zero")
	}
	switch op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "//":
		quotient, _ := divide(a, b)
		return quotient
	case "%":
		_, rest := divide(a, b)
		return rest
	}
	if a < 0 && b != math.Trunc(b) && !math.IsInf(b, 0) {
		fail("%s ** %s is no real number", floatText(a), floatText(b))
	}
	power := math.Pow(a, b)
	if math.IsInf(power, 0) && !math.IsInf(a, 0) && !math.IsInf(b, 0) {
		fail("%s ** %s is too large", floatText(a), floatText(b))
	}
	return power
}

// divide returns the quotient, rounded down, and the rest, which has the divisor's sign.
func divide(a, b float64) (quotient, rest float64) {
	rest = math.Mod(a, b)
	quotient = (a - rest) / b
	if rest == 0 {
		rest = math.Copysign(0, b)
	} else if (rest < 0) != (b < 0) {
		rest += b
		quotient--
	}
	if quotient == 0 {
		return math.Copysign(0, a/b), rest
	}
	return math.Round(quotient), rest
}

func negative(v Value) Value {
	f, i, exact, ok := number(v)
	switch {
	case !ok:
		return positive(v)
	case exact:
		return integers("-", 0, i)
	}
	return -f
}

func positive(v Value) Value {
	f, i, exact, ok := number(v)
	switch {
	case !ok:
		mustBeDefined(v)
		fail("bad operand type for a sign: %q", typeName(v))
	case exact:
		return i
	}
	return f
}

// compare applies == != < <= > >= in and not in.
func (m *machine) compare(op string, left, right Value) bool {
	switch op {
	case "==":
		return m.equal(left, right)
	case "!=":
		return !m.equal(left, right)
	case "in":
		return m.contains(right, left)
	case "not in":
		return !m.contains(right, left)
	case "<":
		return m.less(op, left, right)
	case ">":
		return m.less(op, right, left)
	case "<=":
		return m.less(op, left, right) || m.equal(left, right)
	}
	return m.less(op, right, left) || m.equal(left, right)
}

// equal is Python's ==. Values of different types are different, but for numbers.
func (m *machine) equal(left, right Value) bool {
	m.enter()
	defer m.leave()
	m.step(1)
	left, right = plain(left), plain(right)
	switch a := left.(type) {
	case string:
		b, ok := right.(string)
		m.scan(a)
		return ok && a == b
	case bool, int, float64:
		return sameNumber(left, right)
	case undefined:
		_, ok := right.(undefined)
		return ok
	case List:
		b, ok := right.(List)
		return ok && m.equalItems(a, b)
	case Tuple:
		b, ok := right.(Tuple)
		return ok && m.equalItems(List(a), List(b))
	case *Dict:
		b, ok := right.(*Dict)
		if !ok || len(a.keys) != len(b.keys) {
			return false
		}
		for i, key := range a.keys {
			if other, ok := b.get(key); !ok || !m.equal(a.values[i], other) {
				return false
			}
		}
		return true
	case progression:
		b, ok := right.(progression)
		return ok && a.len() == b.len() && (a.len() == 0 || a.start == b.start && (a.len() == 1 || a.step == b.step))
	}
	return same(left, right)
}

func sameNumber(left, right Value) bool {
	a, i, aExact, _ := number(left)
	b, j, bExact, ok := number(right)
	if aExact && bExact {
		return i == j
	}
	return ok && a == b
}

func (m *machine) equalItems(a, b List) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !m.equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// same is Python's is, for what is not a container: these are equal where they are the same thing.
func same(left, right Value) bool {
	switch left.(type) {
	case nil, bool, int, float64, string, *Dict, *generator, *namespace, *macro, *loop, *method:
		return left == right
	case List:
		b, ok := right.(List)
		a := left.(List)
		return ok && len(a) > 0 && len(a) == len(b) && &a[0] == &b[0]
	}
	return false
}

// less is Python's < between numbers, texts, lists and tuples.
func (m *machine) less(op string, left, right Value) bool {
	m.enter()
	defer m.leave()
	m.step(1)
	left, right = plain(left), plain(right)
	a, i, aExact, aOK := number(left)
	b, j, bExact, bOK := number(right)
	switch {
	case aExact && bExact:
		return i < j
	case aOK && bOK:
		return a < b
	}
	switch a := left.(type) {
	case string:
		if b, ok := right.(string); ok {
			m.scan(a)
			return a < b // bytes of UTF-8 have the order of characters
		}
	case List:
		if b, ok := right.(List); ok {
			return m.lessItems(op, a, b)
		}
	case Tuple:
		if b, ok := right.(Tuple); ok {
			return m.lessItems(op, List(a), List(b))
		}
	}
	mustBeDefined(left, right)
	fail("%s is not defined between %q and %q", op, typeName(left), typeName(right))
	return false
}

func (m *machine) lessItems(op string, a, b List) bool {
	for i := range min(len(a), len(b)) {
		if !m.equal(a[i], b[i]) {
			return m.less(op, a[i], b[i])
		}
	}
	return len(a) < len(b)
}

// contains is Python's in.
func (m *machine) contains(container, v Value) bool {
	switch c := plain(container).(type) {
	case string:
		m.scan(c)
		return strings.Contains(c, words(plain(v), "what is looked for in text"))
	case *Dict:
		_, ok := c.get(v)
		return ok
	}
	for item := range m.each(container) {
		if m.equal(item, v) {
			return true
		}
	}
	return false
}
