package metric_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-d24fde5f/distill/train/metric"
)

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	w, err := metric.Open(dir, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	for step, loss := range []float64{3.5, 2.25} {
		if err := w.Write(step+1, []metric.Value{{Name: "loss", Value: loss}}); err != nil {
			fmt.Println(err)
		}
	}
	if err := w.Close(); err != nil {
		fmt.Println(err)
	}
	lines, err := metric.Read(filepath.Join(dir, metric.FileName))
	fmt.Println(lines[1]["step"], lines[1]["loss"], err)
	// Output: 2 2.25 <nil>
}
