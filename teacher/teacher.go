// Package teacher says what it takes to teach: answer a prompt, and, for those who can, say how likely each token
// of somebody else's answer is.
//
// Implementations live in sister folders of one shape: remote (any OpenAI-compatible server and its relatives), local
// (weights on disk, in this process), builtin (a small model inside the binary). All pass the conformance suite in
// teachertest. Every implementation is safe for concurrent use; one that runs a model batches concurrent calls itself,
// so a caller gets throughput by calling from many goroutines.
package teacher

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-d24fde5f/distill"
)

// Request is one question to a teacher.
type Request struct {
	Messages []distill.Message
	Sampling distill.Sampling
	Signal   distill.SignalSpec // what to keep of the distribution; zero for none
}

// Info describes a teacher.
type Info struct {
	Name          string // the model's name, as rows will carry it
	TokenizerHash string // identity of its vocabulary; empty when unknown
	Concurrency   int    // calls that may usefully be in flight at once; 0 when the caller decides
	Signals       []distill.SignalKind
}

// Teacher answers prompts.
type Teacher interface {
	Info() Info
	// Complete answers one request. It blocks until the answer is whole, the context ends, or the request has failed
	// for good: retries are the implementation's business. Errors are [*Error] where the caller can act on the kind.
	Complete(ctx context.Context, req Request) (*distill.Completion, error)
	// Close frees what the teacher holds. Calls in flight end with an error.
	Close() error
}

// Scorer is a teacher that can also judge a given completion.
type Scorer interface {
	// Score returns the log-probability of each token of completion after the prompt, and the signal asked for.
	Score(ctx context.Context, prompt []distill.Message, completion []distill.Token, spec distill.SignalSpec) ([]float32, *distill.Signal, error)
}

// Kind says what a caller can do about an [Error].
type Kind int

// Kinds of error. Transient: this request failed after all retries, others may succeed. Permanent: this request will
// never succeed, others may. Fatal: no request will succeed until the user changes something (key, credit, model
// name). Limit: a budget set by the user is spent.
const (
	Transient Kind = iota
	Permanent
	Fatal
	Limit
)

// Error is a failure whose kind the caller acts on. Hint, when not empty, is the way out, in the user's terms.
type Error struct {
	Kind Kind
	Hint string
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of err: that of the first [*Error] in its chain, else Transient.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Transient
}

// Errorf makes an [*Error] of a kind, with an optional hint and a formatted cause.
func Errorf(kind Kind, hint, format string, args ...any) error {
	return &Error{Kind: kind, Hint: hint, Err: fmt.Errorf(format, args...)}
}
