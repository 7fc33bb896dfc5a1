// Package jinjatest asks jinja2 itself what a template gives, for tests.
package jinjatest

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/jinja"
)

//go:embed render.py
var program string

// Case is a template and the JSON of its variables, whose keys keep their order.
type Case struct {
	Template  string          `json:"template"`
	Variables json.RawMessage `json:"variables"`
}

// Answer is what a case gives.
type Answer struct {
	Text  string `json:"text"`
	Error string `json:"error,omitempty"`
}

// Now is what strftime_now tells.
var Now = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)

// Ask renders cases with jinja2 in the environment of transformers. The test is skipped where jinja2 is absent.
func Ask(tb testing.TB, cases []Case) []Answer {
	tb.Helper()
	input, err := json.Marshal(cases)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), fixture.Python(tb, "jinja2"), "-c", program)
	cmd.Stdin = bytes.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("jinja2: %v: %s", err, complaints.Bytes())
	}
	var answers []Answer
	if err := json.Unmarshal(out, &answers); err != nil {
		tb.Fatal(err)
	}
	return answers
}

// Variables reads the JSON of variables.
func Variables(tb testing.TB, text []byte) map[string]jinja.Value {
	tb.Helper()
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(text, &parts); err != nil {
		tb.Fatal(err)
	}
	vars := make(map[string]jinja.Value, len(parts))
	for name, part := range parts {
		dec := json.NewDecoder(bytes.NewReader(part))
		dec.UseNumber()
		vars[name] = value(tb, dec)
	}
	return vars
}

// value reads the next value of a JSON text.
func value(tb testing.TB, dec *json.Decoder) jinja.Value {
	tb.Helper()
	token, err := dec.Token()
	if err != nil {
		tb.Fatal(err)
	}
	switch t := token.(type) {
	case json.Delim:
		var all []jinja.Value
		for dec.More() {
			all = append(all, value(tb, dec))
		}
		if _, err := dec.Token(); err != nil {
			tb.Fatal(err)
		}
		if t == '{' {
			return jinja.NewDict(all...) // keys and values in turn
		}
		return jinja.List(all)
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return int(n)
		}
		f, err := t.Float64()
		if err != nil {
			tb.Fatal(err)
		}
		return f
	}
	return token
}
