package report

import "math"

// z95 is the 97.5 % quantile of the standard normal distribution.
const z95 = 1.959963984540054

// NewRate returns the share passed/of with its 95 % Wilson score interval (Wilson 1927), which, unlike the normal
// approximation, stays inside [0,1] and is not empty at 0 or 1. It returns nil when of is 0.
func NewRate(passed, of int) *Rate {
	if of <= 0 {
		return nil
	}
	n, p := float64(of), float64(passed)/float64(of)
	centre := (p + z95*z95/(2*n)) / (1 + z95*z95/n)
	half := z95 / (1 + z95*z95/n) * math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	return &Rate{Passed: passed, Of: of, Value: p, Low: max(0, centre-half), High: min(1, centre+half)}
}
