package watch

import (
	"log/slog"
	"strconv"
)

// Short rounds an attribute that is a float to four significant digits: more is noise to whoever reads a log. It stays a
// number.
func Short(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindFloat64:
		a.Value = slog.Float64Value(round(value.Float64()))
	case slog.KindAny:
		if f, ok := value.Any().(float32); ok {
			a.Value = slog.Float64Value(round(float64(f)))
		}
	}
	return a
}

func round(f float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 4, 64), 64)
	if err != nil {
		return f
	}
	return short
}
