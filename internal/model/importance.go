package model

import "fmt"

// Importance is, for each matrix by canonical name, the mean square of every input it was multiplied with, (columns):
// how much an error in that column costs.
type Importance map[string][]float32

func errImportance(got, want int) error {
	return fmt.Errorf("an importance of %d columns for rows of %d", got, want)
}
