package grammar

import (
	stdjson "encoding/json"
	"fmt"
	"math/big"
	"strings"
)

// maxModulus bounds multipleOf: every remainder becomes as many rules as there are digits.
const maxModulus = 1000

// limit is a bound of what may be written, as the digits of its magnitude.
type limit struct {
	whole, fraction string
	strict          bool // the bound itself is not admitted
	is              bool // there is one
}

// numberOf is a number or an integer within the schema's bounds. One without bounds may have an exponent.
func (c *compiler) numberOf(k *schemaKeys, whole bool, at string) (symbol, error) {
	least, err := tighter(k.Minimum, k.ExclusiveMinimum, 1)
	if err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	most, err := tighter(k.Maximum, k.ExclusiveMaximum, -1)
	if err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	d := &digits{json: c.json, whole: whole, decimals: maxDigits, modulus: 1, known: map[digitState]symbol{}}
	if k.MultipleOf != nil {
		if err := d.multiplesOf(*k.MultipleOf); err != nil {
			return symbol{}, fmt.Errorf("%s: %w", at, err)
		}
	} else if least.value == nil && most.value == nil {
		if whole {
			return c.integer, nil
		}
		return c.number, nil
	}
	var alternatives []sequence
	if low, high, some := least.magnitude(), most.magnitude(), most.value == nil || most.value.Sign() >= 0; some {
		alternatives = append(alternatives, sequence{d.between(low, high)})
	}
	// Below zero, the magnitude lies between what the two bounds are on the other side.
	if least.value == nil || least.value.Sign() < 0 {
		low, high := most.mirrored().magnitude(), least.mirrored().magnitude()
		if !low.is {
			low = limit{whole: "0", strict: true, is: true} // -0 is 0, which may be out of bounds
		}
		d.known = map[digitState]symbol{}
		alternatives = append(alternatives, join(text("-"), sequence{d.between(low, high)}))
	}
	return c.any(alternatives...), nil
}

// bound is a bound as the schema has it; value nil is none.
type bound struct {
	value  *big.Rat
	strict bool
}

// tighter returns the one of two bounds that says more: the greater for sign 1, the lesser for −1.
func tighter(inclusive, exclusive *stdjson.Number, sign int) (bound, error) {
	var b bound
	for _, x := range []struct {
		text   *stdjson.Number
		strict bool
	}{{inclusive, false}, {exclusive, true}} {
		if x.text == nil {
			continue
		}
		v, ok := decimalOf(x.text.String())
		if !ok {
			return b, fmt.Errorf("the bound %s cannot be guaranteed", *x.text)
		}
		if b.value == nil || v.Cmp(b.value)*sign >= 0 {
			b = bound{v, x.strict}
		}
	}
	return b, nil
}

func (b bound) mirrored() bound {
	if b.value == nil {
		return b
	}
	return bound{new(big.Rat).Neg(b.value), b.strict}
}

// magnitude returns the bound for magnitudes: one below zero is none.
func (b bound) magnitude() limit {
	if b.value == nil || b.value.Sign() < 0 {
		return limit{}
	}
	decimals, _ := b.value.FloatPrec()
	whole, fraction, _ := strings.Cut(b.value.FloatString(decimals), ".")
	return limit{whole: whole, fraction: fraction, strict: b.strict, is: true}
}

// digits writes rules for magnitudes, digit by digit.
type digits struct {
	*json
	whole     bool // no fraction
	decimals  int  // most digits of a fraction
	modulus   int  // what is written, as an integer of scale digits after the point, is a multiple of it
	scale     int
	low, high limit
	known     map[digitState]symbol
}

// digitState is where a magnitude is: what remains to be compared with each bound, and to be written.
type digitState struct {
	left      int  // digits before the point that are still to come
	at        int  // the position in the bounds' digits before the point, or in their fractions
	fraction  bool // behind the point
	low, high bool // equal to the bound so far
	remainder int
}

func (d *digits) multiplesOf(text stdjson.Number) error {
	v, ok := decimalOf(text.String())
	if !ok || v.Sign() <= 0 {
		return fmt.Errorf("multipleOf %s cannot be guaranteed", text)
	}
	decimals, _ := v.FloatPrec()
	scaled := new(big.Rat).Mul(v, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)))
	if decimals > maxDigits || !scaled.Num().IsInt64() || scaled.Num().Int64() > maxModulus {
		return fmt.Errorf("multipleOf %s cannot be guaranteed (at most %d digits that count)", text, len(fmt.Sprint(maxModulus)))
	}
	d.modulus, d.scale = int(scaled.Num().Int64()), decimals
	d.decimals = decimals
	d.whole = d.whole || decimals == 0
	return nil
}

// between returns a rule of the magnitudes between two limits.
func (d *digits) between(low, high limit) symbol {
	d.low, d.high = low, high
	var alternatives []sequence
	for length := 1; length <= maxDigits; length++ {
		if low.is && len(low.whole) > length || high.is && len(high.whole) < length {
			continue
		}
		s := digitState{left: length, low: low.is && len(low.whole) == length, high: high.is && len(high.whole) == length}
		alternatives = append(alternatives, d.choices(s, length > 1)...)
	}
	return d.any(alternatives...)
}

// rule returns the rule of a state.
func (d *digits) rule(s digitState) symbol {
	if r, ok := d.known[s]; ok {
		return r
	}
	r := d.later()
	d.known[s] = r
	var alternatives []sequence
	switch {
	case s.left > 0:
		alternatives = d.choices(s, false)
	case !s.fraction:
		if d.mayEnd(s) {
			alternatives = append(alternatives, nil)
		}
		if !d.whole {
			s.fraction, s.at = true, 0
			if some := d.choices(s, false); len(some) > 0 {
				alternatives = append(alternatives, sequence{one(".", ""), d.any(some...)})
			}
		}
	default:
		if d.mayEnd(s) {
			alternatives = append(alternatives, nil)
		}
		if s.at < d.decimals {
			alternatives = append(alternatives, d.choices(s, false)...)
		}
	}
	d.set(r, alternatives...)
	return r
}

// choices are the next digits, each with what follows it.
func (d *digits) choices(s digitState, nonzero bool) []sequence {
	var order []digitState
	classes := map[digitState]*class{}
	for digit := byte('0'); digit <= '9'; digit++ {
		next := s
		if nonzero && digit == '0' || s.low && digit < d.digitOf(&d.low, s) || s.high && digit > d.digitOf(&d.high, s) {
			continue
		}
		next.low = s.low && digit == d.digitOf(&d.low, s)
		next.high = s.high && digit == d.digitOf(&d.high, s)
		next.remainder = (10*s.remainder + int(digit-'0')) % d.modulus
		next.at++
		if next.left > 0 {
			next.left--
		}
		if s.left > 0 && !next.low && !next.high {
			next.at = 0 // where no bound is near, places do not differ
		}
		if classes[next] == nil {
			classes[next] = new(class)
			order = append(order, next)
		}
		classes[next].add(digit)
	}
	var out []sequence
	for _, next := range order {
		out = append(out, sequence{symbol{bytes: classes[next]}, d.rule(next)})
	}
	return out
}

// digitOf returns a bound's digit at a state's place; behind its last there are zeros.
func (d *digits) digitOf(l *limit, s digitState) byte {
	text := l.whole
	if s.fraction {
		text = l.fraction
	}
	if s.at < len(text) {
		return text[s.at]
	}
	return '0'
}

// mayEnd reports whether a number may end in a state, all of whose digits before the point are there.
func (d *digits) mayEnd(s digitState) bool {
	written := 0
	if s.fraction {
		written = s.at
	}
	remainder := s.remainder
	for range d.scale - written {
		remainder = 10 * remainder % d.modulus
	}
	if remainder != 0 {
		return false
	}
	rest := func(l *limit) bool { return strings.Trim(l.fraction[min(written, len(l.fraction)):], "0") != "" }
	if s.low && (rest(&d.low) || d.low.strict) {
		return false
	}
	return !s.high || rest(&d.high) || !d.high.strict
}
