// Package chat is the one contract between conversations and tokens: how messages become the ids that a model is asked
// with, and how an answer becomes the ids it is trained on. Dataset, training, export and chat all go through it, so
// they cannot disagree.
//
//	f, err := chat.New(tok, m.Template)
//	prompt, err := f.Prompt(messages, true)                             // ask
//	ids, from, err := f.Example(messages, reasoning, response)          // learn ids[from:], the end token included
//	reasoning, response := chat.Split(text)                             // read the answer
//
// Templates are Jinja, rendered by internal/jinja as Hugging Face transformers renders them. Text of a
// message that spells a special token becomes that token, as it does there.
//
// Traps of published templates are mended and noted, or refused by name: see [New].
package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	distill "github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/internal/jinja"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
)

// Default is the template of students with a tokenizer of their own: ChatML. The model answers
// "<think>\n…\n</think>\n\n…<|im_end|>", or without the thinking.
const Default = `{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
`

// Plain is the template of models that continue text and know no turns: contents, one after the other.
const Plain = `{%- for message in messages %}{{- message.content }}{%- endfor %}`

// Special tokens of the Default template, and the tags around thinking.
const (
	TurnStart  = "<|im_start|>"
	TurnEnd    = "<|im_end|>"
	ThinkOpen  = "<think>"
	ThinkClose = "</think>"
)

// Specials are the special tokens a tokenizer needs for the Default template; the first also pads.
var Specials = []string{"<|endoftext|>", TurnStart, TurnEnd}

// Format is a template bound to a tokenizer. It may be used by many goroutines at once.
type Format struct {
	Template string          // Jinja source
	End      tokenizer.Token // ends an assistant's turn; always learnt
	Notes    []string        // what was mended, for people to read
	Tok      *tokenizer.Tokenizer

	jinja    *template
	thinking bool // the generation prompt itself opens <think>
	stops    []tokenizer.Token
}

// New binds a template to a tokenizer. Without a template ("") it takes Default if the tokenizer has its tokens, else
// Plain. It renders a probe conversation and, by what comes out:
//
//   - takes as End the special token that follows the assistant's text; if the template writes none, EOS, with a note;
//     if there is no EOS either, the template is refused: a model that never learns to end never ends;
//   - notes a template whose generation prompt opens <think>, as DeepSeek-R1's does: the tag belongs to the prompt then,
//     and Example does not repeat it;
//   - notes a padding token that is also the end token. It is harmless here, where padding is masked by position, and
//     in no trainer that masks by id: there the end would never be learnt.
func New(tok *tokenizer.Tokenizer, source string) (*Format, error) {
	if tok == nil {
		return nil, errors.New("chat: a model without a tokenizer cannot take text")
	}
	f := &Format{Template: source, Tok: tok}
	if source == "" {
		f.Template = fallback(tok)
		if f.Template == Plain {
			f.Notes = append(f.Notes, "no chat template: messages are joined as plain text")
		}
	}
	var err error
	if f.jinja, err = parseTemplate(f.Template); err != nil {
		return nil, err
	}
	if err := f.probe(); err != nil {
		return nil, err
	}
	if tok.PAD != tokenizer.None && tok.PAD == f.End {
		f.Notes = append(f.Notes, fmt.Sprintf("the padding token %q is also the end token: mask padding by position, never by id", tok.Text(tok.PAD)))
	}
	f.stops = append(f.stops, f.End)
	for _, id := range tok.EndTokens() {
		if id != f.End {
			f.stops = append(f.stops, id)
		}
	}
	return f, nil
}

func fallback(tok *tokenizer.Tokenizer) string {
	for _, name := range []string{TurnStart, TurnEnd} {
		if _, ok := tok.ID(name); !ok {
			return Plain
		}
	}
	return Default
}

// Texts of the probe conversation: nothing a template would contain.
const (
	probeUser      = "q5k2w8"
	probeAssistant = "z7m3x1"
)

// probe renders a conversation and draws its conclusions.
func (f *Format) probe() error {
	ask := []distill.Message{{Role: distill.RoleUser, Content: probeUser}}
	before, err := f.Render(ask, false)
	if err != nil {
		return err
	}
	prompt, err := f.Render(ask, true)
	if err != nil {
		return err
	}
	if !strings.Contains(prompt, probeUser) {
		return errors.New("chat: the template drops the user's message")
	}
	if tail := strings.TrimPrefix(prompt, before); strings.HasSuffix(strings.TrimRight(tail, "\n"), ThinkOpen) {
		f.thinking = true
		f.Notes = append(f.Notes, "the template's generation prompt opens <think>: answers are learnt and read without the opening tag")
	}
	whole, err := f.Render(append(ask, distill.Message{Role: distill.RoleAssistant, Content: probeAssistant}), false)
	if err != nil {
		return err
	}
	_, after, found := strings.Cut(whole, probeAssistant)
	if !found {
		return errors.New("chat: the template drops the assistant's answer")
	}
	return f.findEnd(after)
}

// findEnd takes the first special token of what the template writes after an answer.
func (f *Format) findEnd(after string) error {
	for _, id := range f.Tok.Encode(after, true) {
		if f.Tok.IsSpecial(id) || f.Tok.IsEnd(id) {
			f.End = id
			return nil
		}
	}
	if f.Tok.EOS == tokenizer.None {
		return errors.New("chat: neither the template nor the tokenizer has an end token: a model could not learn to stop")
	}
	f.End = f.Tok.EOS
	if f.Template != Plain {
		f.Notes = append(f.Notes, fmt.Sprintf("the template does not end the assistant's turn: %q is put there", f.Tok.Text(f.End)))
	}
	return nil
}

// Render returns the conversation as text, ending, if generation is set, where the assistant begins to speak.
func (f *Format) Render(messages []distill.Message, generation bool) (string, error) {
	return f.jinja.render(f.variables(messages, generation))
}

func (f *Format) variables(messages []distill.Message, generation bool) map[string]jinja.Value {
	turns := make(jinja.List, len(messages))
	for i, m := range messages {
		turns[i] = jinja.NewDict("role", m.Role, "content", m.Content)
	}
	vars := map[string]jinja.Value{"messages": turns, "add_generation_prompt": generation}
	for name, id := range map[string]tokenizer.Token{
		"bos_token": f.Tok.BOS, "eos_token": f.Tok.EOS, "pad_token": f.Tok.PAD, "unk_token": f.Tok.UNK,
	} {
		vars[name] = f.Tok.Text(id)
	}
	return vars
}

// Prompt returns the conversation as ids, begun by BOS where the tokenizer wants it and the template does not write it.
func (f *Format) Prompt(messages []distill.Message, generation bool) ([]tokenizer.Token, error) {
	text, err := f.Render(messages, generation)
	if err != nil {
		return nil, err
	}
	ids := f.Tok.Encode(text, true)
	if f.Tok.AddBOS && (len(ids) == 0 || ids[0] != f.Tok.BOS) {
		ids = slices.Insert(ids, 0, f.Tok.BOS)
	}
	return ids, nil
}

// Example returns the ids of a conversation with its answer: exactly the prompt's, and from answerStart on what the model
// should have said, the end token last. reasoning may be empty. Tokens never span the boundary, as they cannot when the
// model is asked.
func (f *Format) Example(messages []distill.Message, reasoning, response string) (ids []tokenizer.Token, answerStart int, err error) {
	ids, err = f.Prompt(messages, true)
	if err != nil {
		return nil, 0, err
	}
	answerStart = len(ids)
	ids = append(ids, f.Answer(reasoning, response)...)
	return ids, answerStart, nil
}

// Answer returns the ids of an answer as the model gives it after a prompt, the end token last.
func (f *Format) Answer(reasoning, response string) []tokenizer.Token {
	return append(f.Tok.Encode(f.AnswerText(reasoning, response), true), f.End)
}

// AnswerText returns the answer as the model writes it after a prompt, without the end token: thinking between its tags,
// the opening one left out if the prompt has it, then the response.
func (f *Format) AnswerText(reasoning, response string) string {
	reasoning = strings.TrimSpace(reasoning)
	switch {
	case reasoning == "" && f.thinking:
		return ThinkClose + "\n\n" + response
	case reasoning == "":
		return response
	case f.thinking:
		return reasoning + "\n" + ThinkClose + "\n\n" + response
	}
	return ThinkOpen + "\n" + reasoning + "\n" + ThinkClose + "\n\n" + response
}

// OpensThinking reports whether the generation prompt ends with an open <think>, so that what the model writes begins
// with thinking and lacks the tag.
func (f *Format) OpensThinking() bool { return f.thinking }

// Stops returns the tokens that end an answer: End first, then the tokenizer's others. The slice must not be changed.
func (f *Format) Stops() []tokenizer.Token { return f.stops }

// Split separates thinking from response in what a model wrote. The opening tag may be missing, as it is where the prompt
// has it; without the closing one, text that opens with <think> is all thinking, cut short. White space around both parts
// is taken off.
func Split(text string) (reasoning, response string) {
	before, after, closed := strings.Cut(text, ThinkClose)
	opened := strings.HasPrefix(strings.TrimSpace(text), ThinkOpen)
	switch {
	case closed:
		reasoning, response = before, after
	case opened:
		reasoning = text
	default:
		response = text
	}
	reasoning = strings.TrimPrefix(strings.TrimSpace(reasoning), ThinkOpen)
	return strings.TrimSpace(reasoning), strings.TrimSpace(response)
}
