package recipe

import "errors"

// ErrInterrupted says that the context ended; what was done is kept and the same call continues.
var ErrInterrupted = errors.New("interrupted")

// ErrGate says that the run is finished and a gate of the recipe does not hold.
var ErrGate = errors.New("a quality gate failed")
