package verify

import (
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// numberPattern finds decimal numbers with thousands separators, exponents, fractions, and a sign. A minus counts as a sign only
// where no digit or letter is before it, so that "5-3" is not minus three.
var numberPattern = regexp.MustCompile(`([-\x{2212}+]?)[$\x{20AC}\x{A3}]?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,2})?|\.\d+)(?:\s?/\s?(\d+(?:\.\d+)?))?`)

// markers announce the final answer; what follows the last of them is looked at before the whole text.
var markers = []string{"####", `\boxed{`, "answer is", "answer:"}

// FinalNumber returns the final number of a text as a decimal or a fraction in lowest terms: the first one after the
// last "####", "\boxed{", "answer is" or "answer:", else the last of all. "$1,234.50" gives 1234.5. ok is false when there is no number.
//
// This is the reading of GSM8K's answers (arXiv:2110.14168), made tolerant of how chat models write.
func FinalNumber(text string) (value *big.Rat, ok bool) {
	lower := strings.ToLower(text)
	if len(lower) == len(text) { // else offsets in one are not offsets in the other
		at := -1
		for _, marker := range markers {
			if i := strings.LastIndex(lower, marker); i >= 0 {
				at = max(at, i+len(marker))
			}
		}
		if at >= 0 {
			if numbers := numberPattern.FindStringSubmatchIndex(text[at:]); numbers != nil {
				if value, ok := parseNumber(text[at:], numbers); ok {
					return value, true
				}
			}
		}
	}
	all := numberPattern.FindAllStringSubmatchIndex(text, -1)
	for _, at := range slices.Backward(all) {
		if value, ok := parseNumber(text, at); ok {
			return value, true
		}
	}
	return nil, false
}

// parseNumber reads one match of numberPattern.
func parseNumber(text string, at []int) (*big.Rat, bool) {
	group := func(i int) string {
		if at[2*i] < 0 {
			return ""
		}
		return text[at[2*i]:at[2*i+1]]
	}
	digits := strings.ReplaceAll(group(2), ",", "")
	if len(digits) > 200 { // not an answer, and costly to compare
		return nil, false
	}
	value, ok := new(big.Rat).SetString(digits)
	if !ok {
		return nil, false
	}
	if denominator := group(3); denominator != "" && len(denominator) <= 200 {
		d, ok := new(big.Rat).SetString(denominator)
		if !ok || d.Sign() == 0 {
			return nil, false
		}
		value.Quo(value, d)
	}
	sign, start := group(1), at[2]
	if start > 0 && sign != "" {
		if before := text[start-1]; before == ')' || before >= '0' && before <= '9' || before|0x20 >= 'a' && before|0x20 <= 'z' {
			sign = ""
		}
	}
	if sign != "" && sign != "+" {
		value.Neg(value)
	}
	return value, true
}

// Number passes an answer whose final number equals the reference's, exactly: 72, 72.0, $72 and 144/2 are equal. The
// detail names both when they differ. A row without a reference that holds a number cannot be judged and fails.
func Number() Verifier {
	return check{"number", func(row *distill.Row) (bool, float32, string, error) {
		want, ok := FinalNumber(row.Prompt.Reference)
		if !ok {
			return false, 0, "the reference holds no number", nil
		}
		got, ok := FinalNumber(row.Response)
		if !ok {
			return false, 0, "no number in the response", nil
		}
		if got.Cmp(want) == 0 {
			return true, 1, "", nil
		}
		return false, 0, decimal(got) + " where " + decimal(want) + " was expected", nil
	}}
}

// decimal writes a number as a person would.
func decimal(x *big.Rat) string {
	if x.IsInt() {
		return x.Num().String()
	}
	if digits, exact := x.FloatPrec(); exact {
		return x.FloatString(digits)
	}
	return x.RatString()
}
