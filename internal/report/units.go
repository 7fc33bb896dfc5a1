package report

import (
	"fmt"
	"math"
	"time"
)

// Bytes writes a size in decimal units with three significant digits: 245 kB, 1.97 MB.
func Bytes(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, u := float64(n), 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	if u == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return digits(v) + " " + units[u]
}

// Count writes a number in thousands or millions with three significant digits: 222 k, 1.84 M.
func Count(n int64) string {
	units := []string{"", " k", " M", " G"}
	v, u := float64(n), 0
	for v >= 999.5 && u < len(units)-1 {
		v, u = v/1000, u+1
	}
	if u == 0 {
		return fmt.Sprint(n)
	}
	return digits(v) + units[u]
}

// Dollars returns an amount in US dollars, to a cent, and what is less than a cent to two digits.
func Dollars(x float64) string {
	if x > 0 && x < 0.01 {
		digits := 1 - int(math.Floor(math.Log10(x)))
		return fmt.Sprintf("$%.*f", digits, x)
	}
	return fmt.Sprintf("$%.2f", x)
}

// Duration writes seconds as 42 s, 3 min 05 s or 2 h 10 min.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case seconds < 9.95:
		return fmt.Sprintf("%.1f s", seconds)
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %02d min", int(d.Hours()), int(d.Minutes())%60)
}

func digits(v float64) string {
	switch {
	case v >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 9.995:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
