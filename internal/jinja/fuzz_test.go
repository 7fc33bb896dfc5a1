package jinja_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/jinja"
	"github.com/seed-d24fde5f/distill/internal/jinja/jinjatest"
)

// Whatever a template is, it gives a text or an Error with a line that it has, the same each time.
func FuzzRender(f *testing.F) {
	for _, source := range features {
		f.Add(source)
	}
	g := &grammar{rand.New(rand.NewPCG(7, 7))}
	for range 100 {
		f.Add(g.template())
	}
	f.Fuzz(func(t *testing.T, source string) {
		text, err := render(source, jinjatest.Variables(t, json.RawMessage(variables)))
		var placed *jinja.Error
		if err != nil && (!errors.As(err, &placed) || placed.Line < 1 || placed.Line > 1+strings.Count(source, "\n")+strings.Count(source, "\r")) {
			t.Fatalf("%q: %v", source, err)
		}
		again, err2 := render(source, jinjatest.Variables(t, json.RawMessage(variables)))
		if again != text || (err == nil) != (err2 == nil) {
			t.Fatalf("%q gives %q, %v, and then %q, %v", source, text, err, again, err2)
		}
	})
}
