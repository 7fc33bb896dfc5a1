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
	casedHead  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`
	casedTail  = `[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`
	casedRest  = `| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	modernRest = `| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
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
const deepseekLetters = `A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃`
