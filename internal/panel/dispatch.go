package panel

// active is the implementation in use. It is a feature gate: set once at start, and by tests.
var active = &reference

// Implementation names the implementation in use.
func Implementation() string { return active.name }
