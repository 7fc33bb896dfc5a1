package recipe

import (
	"errors"
	"fmt"
)

// ErrInterrupted says that the context ended; what was done is kept and the same call continues.
var ErrInterrupted = errors.New("interrupted")

// ErrGate says that the run is finished and a gate of the recipe does not hold.
var ErrGate = errors.New("a quality gate failed")

// InputError is a failure that its user can mend: a recipe, a file or a folder that is not as it must be.
type InputError struct {
	Hint string // the way out, when there is one
	Err  error
}

func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *InputError) Unwrap() error { return e.Err }

func inputErrorf(hint, format string, args ...any) error {
	return &InputError{hint, fmt.Errorf(format, args...)}
}
