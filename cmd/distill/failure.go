package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/teacher"
)

// The exit codes.
const (
	codeDone        = 0
	codeFailed      = 1
	codeUsage       = 2 // bad usage, recipe or input
	codeLimit       = 3 // stopped at a limit the user set
	codeInterrupted = 4 // interrupted and resumable
	codeGate        = 5 // finished, but a quality gate of the recipe failed
)

// usage returns an error of the command line itself: bad usage, with a way out.
func usage(message, wayOut string) error { return &hint.Error{Hint: wayOut, Err: errors.New(message)} }

// fail prints err as people read it and returns the exit code it stands for.
func fail(w io.Writer, err error) int {
	if err == nil {
		return codeDone
	}
	if problems := config.Errors(err); len(problems) > 0 {
		for _, p := range problems {
			printFailure(w, p.Error(), p.Hint)
		}
		return codeUsage
	}
	code, wayOut := classify(err)
	printFailure(w, err.Error(), wayOut)
	return code
}

func classify(err error) (code int, wayOut string) {
	var (
		input *hint.Error
		ask   *teacher.Error
	)
	switch {
	case errors.As(err, &input):
		return codeUsage, input.Hint
	case errors.Is(err, recipe.ErrGate):
		return codeGate, ""
	case errors.Is(err, recipe.ErrInterrupted) || errors.Is(err, context.Canceled):
		return codeInterrupted, ""
	case errors.As(err, &ask):
		if ask.Kind == teacher.Limit {
			return codeLimit, ask.Hint
		}
		return codeFailed, ask.Hint
	}
	return codeFailed, ""
}

func printFailure(w io.Writer, message, hint string) {
	fmt.Fprintf(w, "distill: error: %s\n", strings.TrimRight(message, "\n"))
	if hint != "" {
		fmt.Fprintf(w, "distill: hint: %s\n", hint)
	}
}
