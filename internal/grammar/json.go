package grammar

// Bounds that RFC 8259 leaves to whoever writes: numbers that fit a float64 with every digit that counts, and white space
// as printers write it. They keep a model from writing digits or blanks until its tokens run out.
const (
	maxDigits = 15 // before, and again after the decimal point
	maxIndent = 20 // blanks at the beginning of a line
)

// JSONObject is the language of JSON objects (RFC 8259), in UTF-8 (RFC 3629), compact or indented.
func JSONObject() *Grammar {
	var b builder
	j := newJSON(&b)
	return b.grammar(j.object)
}

// json has the rules that every JSON grammar is made of.
type json struct {
	*builder
	value, object, array, text, number, integer symbol
	char                                        symbol // one code point of a string, perhaps escaped
	space                                       symbol // between tokens: none, a blank, or a line break with its indentation
	blank                                       symbol // after a colon: none or one
}

func newJSON(b *builder) *json {
	j := &json{builder: b}
	j.blank = b.any(nil, text(" "))
	j.space = b.any(nil, text(" "), join(text("\n"), sequence{b.repeat(sequence{one(" \t", "")}, 0, maxIndent)}))
	j.numbers()
	j.char = j.character()
	j.text = j.quoted(0, -1)
	j.value = b.later()
	j.object = b.any(j.braced(b.any(nil, j.listed(sequence{j.text, one(":", ""), j.blank, j.value}, 1, -1))))
	j.array = j.arrayOf(j.value, 0, -1)
	b.set(j.value, sequence{j.object}, sequence{j.array}, sequence{j.text}, sequence{j.number}, text("true"), text("false"), text("null"))
	return j
}

func (j *json) numbers() {
	digit := sequence{one("", "09")}
	j.integer = j.any(sequence{j.any(nil, text("-")), j.any(text("0"), sequence{one("", "19"), j.repeat(digit, 0, maxDigits-1)})})
	fraction := j.any(nil, join(text("."), sequence{j.repeat(digit, 1, maxDigits)}))
	exponent := j.any(nil, sequence{one("eE", ""), j.any(nil, sequence{one("+-", "")}), j.repeat(digit, 1, 2)})
	j.number = j.any(sequence{j.integer, fraction, exponent})
}

// character is one code point: as it is, by a short escape, or by \u with its number; surrogates only in pairs.
func (j *json) character() symbol {
	tail, hex := one("", "\x80\xbf"), one("", "09afAF")
	surrogate := func(second symbol) sequence { return join(text(`\u`), sequence{one("dD", ""), second, hex, hex}) }
	return j.any(
		sequence{one("", " !#[]\x7f")}, // all of ASCII but controls, " and \
		sequence{one("", "\xc2\xdf"), tail},
		sequence{one("\xe0", ""), one("", "\xa0\xbf"), tail},
		sequence{one("", "\xe1\xec\xee\xef"), tail, tail},
		sequence{one("\xed", ""), one("", "\x80\x9f"), tail},
		sequence{one("\xf0", ""), one("", "\x90\xbf"), tail, tail},
		sequence{one("", "\xf1\xf3"), tail, tail, tail},
		sequence{one("\xf4", ""), one("", "\x80\x8f"), tail, tail},
		join(text(`\`), sequence{one(`"\/bfnrt`, "")}),
		join(text(`\u`), sequence{one("", "09acefACEF"), hex, hex, hex}),
		surrogate(one("", "07")),
		join(surrogate(one("89", "abAB")), surrogate(one("", "cfCF"))),
	)
}

// quoted is a string of least to most code points; most < 0 is without end.
func (j *json) quoted(least, most int) symbol {
	return j.any(join(text(`"`), sequence{j.repeat(sequence{j.char}, least, most)}, text(`"`)))
}

// listed is least to most items with commas between; least is at least 1, most < 0 is without end.
func (j *json) listed(item sequence, least, most int) sequence {
	more := join(text(","), sequence{j.space}, item)
	if most > 0 {
		most--
	}
	return join(item, sequence{j.repeat(more, least-1, most)})
}

func (j *json) braced(inside symbol) sequence {
	return join(text("{"), sequence{j.space, inside, j.space}, text("}"))
}

// arrayOf is an array of least to most items; most < 0 is without end.
func (j *json) arrayOf(item symbol, least, most int) symbol {
	empty := join(text("["), sequence{j.space}, text("]"))
	if most == 0 {
		return j.any(empty)
	}
	some := join(text("["), sequence{j.space}, j.listed(sequence{item}, max(least, 1), most), sequence{j.space}, text("]"))
	if least > 0 {
		return j.any(some)
	}
	return j.any(empty, some)
}
