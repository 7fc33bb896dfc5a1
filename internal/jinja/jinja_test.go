package jinja_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d24fde5f/distill/internal/jinja"
	"github.com/seed-d24fde5f/distill/internal/jinja/jinjatest"
)

var update = flag.Bool("update", false, "write testdata/golden.json anew from jinja2")

func featureCases() (names []string, cases []jinjatest.Case) {
	for _, name := range slices.Sorted(maps.Keys(features)) {
		names = append(names, name)
		cases = append(cases, jinjatest.Case{Template: features[name], Variables: json.RawMessage(variables)})
	}
	return names, cases
}

// Every feature gives what jinja2 gave: recorded in testdata/golden.json, which -update writes anew.
func TestGolden(t *testing.T) {
	names, cases := featureCases()
	path := filepath.Join("testdata", "golden.json")
	if *update {
		golden := make(map[string]jinjatest.Answer)
		for i, a := range jinjatest.Ask(t, cases) {
			golden[names[i]] = a
		}
		text, _ := json.MarshalIndent(golden, "", " ")
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var golden map[string]jinjatest.Answer
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		want, ok := golden[names[i]]
		if !ok {
			t.Errorf("%s: no golden text; run with -update", names[i])
			continue
		}
		compare(t, names[i], c, want)
	}
}

// The same against the jinja2 that is here.
func TestLive(t *testing.T) {
	names, cases := featureCases()
	for i, want := range jinjatest.Ask(t, cases) {
		compare(t, names[i], cases[i], want)
	}
}

// compare holds a template to what jinja2 gives for it; where that is an error ours is one too.
func compare(t *testing.T, name string, c jinjatest.Case, want jinjatest.Answer) {
	t.Helper()
	got, err := render(c.Template, jinjatest.Variables(t, c.Variables))
	if (err != nil) != (want.Error != "") {
		t.Errorf("%s:\n%s\nerror %v, want %q; text %q, want %q", name, c.Template, err, want.Error, got, want.Text)
	} else if diff := cmp.Diff(want.Text, got); err == nil && diff != "" {
		t.Errorf("%s:\n%s\n%s", name, c.Template, diff)
	}
}

func render(source string, vars map[string]jinja.Value) (string, error) {
	t, err := jinja.Parse(source)
	if err != nil {
		return "", err
	}
	vars["raise_exception"] = jinja.Function(func(args jinja.Args) (jinja.Value, error) {
		return nil, fmt.Errorf("raised: %v", args.Positional)
	})
	vars["strftime_now"] = jinja.Function(func(args jinja.Args) (jinja.Value, error) {
		return "2026-02-03 04:05 February Feb Tuesday Tue 034 26 04 AM %", nil
	})
	return t.Render(vars)
}
