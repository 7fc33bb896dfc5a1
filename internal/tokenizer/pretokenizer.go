package tokenizer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dlclark/regexp2/v2"
)

// Pieces of the regexes below.
const (
	contractions    = `'s|'t|'re|'ve|'m|'ll|'d`
	anyContractions = `(?i:` + contractions + `)`
	gpt2Pattern     = contractions + `| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	cjk             = `[一-龥぀-ゟ゠-ヿ]+`
	// What follows the numbers in DeepSeek V3's sequence.
	deepseekWords = `[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`" + `{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// Words that change from lower to upper case end there, with or without contractions after them.
	casedHead = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	casedTail = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	casedRest = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	// Kimi's classes of letters, Chinese ones left out.
	kimiUpper = `(?:(?!\p{Han})[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])`
	kimiLower = `(?:(?!\p{Han})[\p{Ll}\p{Lm}\p{Lo}\p{M}])`
	// Runs of white space in powers of two.
	jaisSpaces = `|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S)|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s{1}`
	// Numbers in threes, the first group short: llama.cpp's custom rule, as a regex.
	threesFromTheRight = `\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))`
	modernRest         = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// preTokenizer is a rule that cuts text into words before merging: regexes applied one after the other, each to what
// the one before left, where matches and what lies between them become pieces.
type preTokenizer struct {
	names        []string // as in tokenizer.ggml.pre, the one we write first
	patterns     []string // regexes, as tokenizer.json has them
	fast         splitter // the same by hand; nil for none
	ignoreMerges bool     // set by name in llama.cpp, by a field in tokenizer.json
	addBOS       bool     // the default where GGUF does not say
}

// preTokenizers holds every rule that is known. Names and regexes are facts of the models' tokenizer.json files and of
// llama.cpp's llama-vocab.cpp. What reads a model that is not here is refused, since a wrong rule spoils every number
// after it without a sign.
var preTokenizers = []preTokenizer{
	{names: []string{"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en", "jina-v2-code", "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "modern-bert", "exaone4"},
		patterns: []string{gpt2Pattern}, fast: splitGPT2},
	{names: []string{"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + modernRest}, fast: splitModern(3, letter), ignoreMerges: true, addBOS: true},
	{names: []string{"dbrx", "smaug-bpe", "chatglm-bpe", "glm4"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}` + modernRest}, fast: splitModern(3, letter)},
	{names: []string{"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "stablelm2", "hunyuan", "solar-open", "megrez", "grok-2"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + modernRest}, fast: splitModern(1, letter)},
	{names: []string{"qwen35"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`}, fast: splitModern(1, letter|mark)},
	{names: []string{"smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"},
		patterns: []string{`\p{N}`, gpt2Pattern}, fast: splitDigits(splitGPT2)},
	{names: []string{"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"},
		patterns: []string{`\p{N}{1,3}`, cjk, deepseekWords}},
	{names: []string{"deepseek-coder"},
		patterns: []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}`}},
	{names: []string{"deepseek-llm"},
		patterns: []string{`[\r\n]`, `\s?[` + deepseekLetters + `]+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}+`}},
	{names: []string{"falcon"},
		patterns: []string{`[\p{P}\$\+<=>\^~\|` + "`" + `]+`, gpt2Pattern, `[0-9][0-9][0-9]`}},
	{names: []string{"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"},
		patterns: []string{casedHead + anyContractions + `?|` + casedTail + anyContractions + `?|\p{N}{1,3}` + casedRest}},
	{names: []string{"tekken"},
		patterns: []string{casedHead + `|` + casedTail + `|\p{N}` + casedRest}, ignoreMerges: true, addBOS: true},
	{names: []string{"granite-embed-multi-97m"},
		patterns: []string{casedHead + anyContractions + `?|` + casedTail + anyContractions + `?|\p{N}{1,3}` + casedRest}, ignoreMerges: true},
	{names: []string{"tiny_aya", "cohere2moe"},
		patterns: []string{`\d{1,3}(?=(?:\d{3})*\b)`, casedHead + anyContractions + `?|` + casedTail + anyContractions + `?|\p{N}{1,3}` + casedRest}},
	{names: []string{"youtu"},
		patterns: []string{`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|` + cjk, casedHead + anyContractions + `?|` + casedTail + anyContractions + `?|\p{N}` + casedRest}, ignoreMerges: true},
	{names: []string{"kimi-k2"}, // the model's own rule; llama.cpp's does not end a word where its case changes
		patterns: []string{`\p{Han}+|[^\r\n\p{L}\p{N}]?` + kimiUpper + `*` + kimiLower + `+` + anyContractions + `?|[^\r\n\p{L}\p{N}]?` + kimiUpper + `+` + kimiLower + `*` + anyContractions + `?|\p{N}{1,3}` + modernRest}},
	{names: []string{"minicpm5"},
		patterns: []string{`\p{N}{1,3}`, anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+` + modernRest}, ignoreMerges: true},
	{names: []string{"jais-2"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+` + jaisSpaces}},
	{names: []string{"exaone-moe"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`}},
	{names: []string{"afmoe"},
		patterns: []string{threesFromTheRight, `[一-鿿㐀-䶿豈-\uFAFF぀-ゟ゠-ヿ･-ﾟ⼀-\u2FDFเ-\u0E7F\u0E80-\u0EFFក-\u17FFက-႟ꩠ-ꩿꧠ-\uA9FF가-\uD7AFᄀ-ᇿ]+`, deepseekWords}},
	{names: []string{"spark2_5"},
		patterns: []string{`\p{N}{1,3}`, cjk, `[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` + "`" + `{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+`, `\p{N}`}},
	{names: []string{"chameleon"},
		patterns: []string{`<sentinel:[0-9]+>`, `(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z`, `([\t\n]|    |  )`, `\p{N}`, `[\p{P}!-/:-@\[-` + "`" + `{-~]`, gpt2Pattern}, addBOS: true},
	{names: []string{"superbpe"},
		patterns: []string{`\p{N}+`, `(?=(\d{3})+(?!\d))`}},
	{names: []string{"ufakzeka"},
		patterns: []string{`[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + modernRest}},
	{names: []string{"laguna"},
		patterns: []string{`[^\n]+|[\n]+`, anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}` + modernRest}},
	{names: []string{"seed-coder"},
		patterns: []string{anyContractions + `|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`}},
	{names: []string{"bailingmoe", "bailingmoe2", "llada-moe"},
		patterns: []string{`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`}},
	{names: []string{"poro-chat", "bloom", "gpt3-finnish"},
		patterns: []string{` ?[^(\s|.,!?…。，、।۔،)]+`}},
	{names: []string{"viking"},
		patterns: []string{` ?[^(\s|.,!?…。，、।۔،)]+`, `\p{N}`}},
	{names: []string{"default"},
		patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, gpt2Pattern, `\p{N}+`, `[0-9][0-9][0-9]`}},
}

// preTokenizerByName returns the rule with the given name.
func preTokenizerByName(name string) (*preTokenizer, error) {
	var known []string
	for i := range preTokenizers {
		if slices.Contains(preTokenizers[i].names, name) {
			return &preTokenizers[i], nil
		}
		known = append(known, preTokenizers[i].names[0])
	}
	return nil, fmt.Errorf("tokenizer: pre-tokenizer %q is not known; %s and their likes are", name, strings.Join(known, ", "))
}

// split returns the rule as a function that calls emit with each word of a text, in order.
func (p *preTokenizer) split() (func(text string, emit func(word string)), error) {
	if p.fast != nil {
		return func(text string, emit func(string)) {
			for len(text) > 0 {
				n := p.fast(text)
				emit(text[:n])
				text = text[n:]
			}
		}, nil
	}
	return splitByRegex(p.patterns)
}

// splitByRegex applies the regexes one after the other.
func splitByRegex(patterns []string) (func(text string, emit func(word string)), error) {
	stages := make([]*regexp2.Regexp, len(patterns))
	for i, pattern := range patterns {
		re, err := regexp2.Compile(pattern, regexp2.None)
		if err != nil {
			return nil, fmt.Errorf("tokenizer: pattern %q: %w", pattern, err)
		}
		stages[i] = re
	}
	var stage func(i int, text string, emit func(string))
	stage = func(i int, text string, emit func(string)) {
		if i == len(stages) {
			emit(text)
			return
		}
		cutByRegex(stages[i], text, func(piece string) { stage(i+1, piece, emit) })
	}
	return func(text string, emit func(string)) { stage(0, text, emit) }, nil
}

// cutByRegex calls emit with each match and each gap between matches.
func cutByRegex(re *regexp2.Regexp, text string, emit func(string)) {
	at := 0
	matches, _ := re.FindAllStringIndex(text, -1) // errs only on a timeout, and none is set
	for _, m := range matches {
		if m[0] > at {
			emit(text[at:m[0]])
		}
		if m[1] > m[0] {
			emit(text[m[0]:m[1]])
		}
		at = m[1]
	}
	if at < len(text) {
		emit(text[at:])
	}
}

// deepseekLetters is the class of letters in deepseek-llm's rule: the cased scripts, spelt out.
const deepseekLetters = "" +
	"A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376" +
	"\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F" +
	"\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77" +
	"\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-\u1F7D" +
	"\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4" +
	"\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139" +
	"\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D" +
	"\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A" +
	"\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-\U000104FB\U00010C80-\U00010CB2" +
	"\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-\U0001E943"

// PreTokenizers returns the names of all known rules, as tokenizer.ggml.pre has them, aliases left out.
func PreTokenizers() []string {
	names := make([]string, len(preTokenizers))
	for i, p := range preTokenizers {
		names[i] = p.names[0]
	}
	return names
}
