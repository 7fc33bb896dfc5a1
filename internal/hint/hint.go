// Package hint has the error of what a user can mend.
package hint

import "fmt"

// Error is a failure that its user can mend: a recipe, a file or a folder that is not as it must be.
type Error struct {
	Hint string // the way out, when there is one
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errorf returns an [Error] with a way out, "" for none, and a cause formatted as [fmt.Errorf] does it.
func Errorf(hint, format string, args ...any) error {
	return &Error{hint, fmt.Errorf(format, args...)}
}
