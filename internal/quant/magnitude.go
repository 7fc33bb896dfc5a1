package quant

import "math"

// Largest returns the largest magnitude among x: infinity where one is infinite, NaN where one is no number, 0 for none.
func Largest(x []float32) float32 { return math.Float32frombits(largestBits(x)) }

// largestBitsReference returns the largest of all x as bits without their sign, whose order is that of magnitudes, with
// infinity above all numbers and NaN above infinity.
func largestBitsReference(x []float32) (largest uint32) {
	for _, v := range x {
		largest = max(largest, math.Float32bits(v)&^(1<<31))
	}
	return largest
}
