package recipe

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset/pack"
	"github.com/seed-d24fde5f/distill/internal/chat"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/tokenizer"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// language is how a model reads and writes: its vocabulary and the form of its conversations.
type language struct {
	tokenizer *tokenizer.Tokenizer
	format    *chat.Format
	// exact says that the vocabulary is the teacher's, so that rows' token ids and signals are the student's as well.
	exact bool
	// across carries signals over where it is not; nil where they are not learnt.
	across *across
}

// newLanguage returns the language of a tokenizer and a template; in the recipe's raw format, which is for models that
// continue text, the template has no say.
func (r *Run) newLanguage(tok *tokenizer.Tokenizer, template string, exact bool) (*language, error) {
	if r.Recipe.Prompts.Format == "raw" {
		template = chat.Plain
	}
	format, err := chat.New(tok, template)
	if err != nil {
		return nil, &hint.Error{Err: err}
	}
	for _, note := range format.Notes {
		r.log.Debug("chat template", "note", note)
	}
	return &language{tokenizer: tok, format: format, exact: exact}, nil
}

// example returns a row as the student learns it. Where the student speaks the teacher's tokens it learns exactly those
// that were drawn, with their distribution; else the text.
func (l *language) example(row *distill.Row, reasoning bool) (pack.Example, error) {
	unfinished := row.FinishReason == distill.FinishLength
	if l.exact && len(row.TokenIDs) > 0 && (reasoning || row.Reasoning == "") {
		prompt, err := l.format.Prompt(row.Prompt.Messages, true)
		if err != nil {
			return pack.Example{}, err
		}
		last := row.TokenIDs[len(row.TokenIDs)-1]
		return pack.Example{
			Tokens: append(prompt, row.TokenIDs...), AnswerStart: len(prompt),
			Unfinished: unfinished || !slices.Contains(l.format.Stops(), last), Signal: row.Signal,
		}, nil
	}
	thinking := row.Reasoning
	if !reasoning {
		thinking = ""
	}
	ids, start, err := l.format.Example(row.Prompt.Messages, thinking, row.Response)
	if err != nil {
		return pack.Example{}, err
	}
	signal, err := l.across.carry(row, ids[start:])
	return pack.Example{Tokens: ids, AnswerStart: start, Unfinished: unfinished, Signal: signal}, err
}

// studentLanguage returns the language that the student learns in. A tokenizer that is trained is kept in the run.
func (r *Run) studentLanguage(rows rowSeq) (*language, error) {
	if r.models.Tokenizer == "" {
		return r.trainTokenizer(rows)
	}
	return r.languageOf(r.models.Tokenizer)
}

// languageOf returns the language of a model on disk or inside the program. It need not have weights.
func (r *Run) languageOf(name string) (*language, error) {
	tok, template, err := workbench.OpenTokenizer(name)
	if err != nil {
		return nil, err
	}
	exact, err := r.models.Shares(tok)
	if err != nil {
		return nil, err
	}
	return r.newLanguage(tok, template, exact)
}

// trainTokenizer returns a byte-level BPE fitted to the training rows, or the one that this training began with.
func (r *Run) trainTokenizer(rows rowSeq) (*language, error) {
	dir := r.path(trainDir, "tokenizer")
	tok, template, err := tokenizer.ReadDir(dir)
	if err != nil {
		var unread error
		if tok, err = tokenizer.Train(texts(rows, &unread), tokenizer.TrainOptions{Size: r.Recipe.Tokenizer.Size, Threads: r.opts.Threads}); err != nil || unread != nil {
			return nil, fmt.Errorf("tokenizer: %w", errors.Join(unread, err))
		}
		if template = r.Recipe.Student.Template; template == "" {
			template = chat.Default
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := tok.WriteDir(dir, template); err != nil {
			return nil, fmt.Errorf("tokenizer: %s: %w", filepath.Base(dir), err)
		}
	}
	return r.newLanguage(tok, template, false)
}

// texts yields all that a student of these rows reads and writes. An error ends it and is left in failed.
func texts(rows rowSeq, failed *error) iter.Seq[string] {
	return func(yield func(string) bool) {
		for row, err := range rows {
			if *failed = err; err != nil {
				return
			}
			if row.Prompt.Split == distill.Heldout {
				continue
			}
			for _, m := range row.Prompt.Messages {
				if !yield(m.Content) {
					return
				}
			}
			if row.Reasoning != "" && !yield(row.Reasoning) || !yield(row.Response) {
				return
			}
		}
	}
}
