//go:build race

package remote

// The race detector makes simulations ten times slower and finds in a hundred what it would find in a thousand.
func init() { simulations = 100 }
