package plan

import "math"

// Span is an estimate with what it may lie between: two standard errors of the mean where answers were measured, half and
// double where nothing was.
type Span struct {
	Low    float64 `json:"low"`
	Likely float64 `json:"likely"`
	High   float64 `json:"high"`
}

func (s Span) times(f float64) Span { return Span{s.Low * f, s.Likely * f, s.High * f} }

func (s Span) plus(t Span) Span { return Span{s.Low + t.Low, s.Likely + t.Likely, s.High + t.High} }

// about is an estimate whose error is not known.
func about(x float64) *Span { return &Span{x, x, x} }

// Mean keeps what a mean and its standard error need.
type Mean struct{ N, Sum, squares float64 }

// Add takes one more value in.
func (m *Mean) Add(x float64) { m.N++; m.Sum += x; m.squares += x * x }

// span returns the mean with two standard errors to both sides. There must be a value.
func (m *Mean) span() Span {
	mean := m.Sum / m.N
	if m.N < 2 {
		return Span{mean / 2, mean, mean * 2}
	}
	err := 2 * math.Sqrt(max(0, m.squares/m.N-mean*mean)/(m.N-1))
	return Span{max(0, mean-err), mean, mean + err}
}
