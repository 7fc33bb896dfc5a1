package remote

import (
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/teacher"
)

func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		body, model, word string
	}{
		"there":           {`{"data":[{"id":"a"},{"id":"fake"}]}`, "fake", ""},
		"not there":       {`{"data":[{"id":"b"},{"id":"a"}]}`, "fake", "a, b"},
		"Gemini's shape":  {`{"models":[{"name":"models/fake"}]}`, "fake", ""},
		"Ollama's shape":  {`{"models":[{"name":"fake:latest"}]}`, "fake", ""},
		"an empty list":   {`{"data":[]}`, "fake", ""},
		"no list at all":  {`404`, "fake", ""},
		"key is wrong":    {`401`, "fake", "API key"},
		"not what it is?": {`<html>`, "fake", "malformed"},
	} {
		step := text("application/json", test.body)
		switch test.body {
		case "404":
			step = status(404, "not found")
		case "401":
			step = status(401, "no")
		}
		err := open(t, serve(t, step), func(o *Options) { o.Model = test.model }).Check(t.Context())
		if (err != nil) != (test.word != "") {
			t.Errorf("%s: error %v", name, err)
		} else if err != nil && !strings.Contains(err.Error()+hintOf(err), test.word) {
			t.Errorf("%s: error %v, hint %q; want a word about %q", name, err, hintOf(err), test.word)
		}
	}
	// A port that was free a moment ago may be another test's by now; nobody listens at the first one.
	nobody := func(o *Options) { o.BaseURL = "http://127.0.0.1:1/v1" }
	if err := open(t, serve(t, whole), nobody).Check(t.Context()); teacher.KindOf(err) != teacher.Transient || !strings.Contains(hintOf(err), "is the server running") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestModelsOfOurOwnServer(t *testing.T) {
	url, near := serveStories(t)
	served, err := far(t, url, false).Models(t.Context())
	if err != nil || len(served) != 1 || served[0].Name != "stories" || served[0].TokenizerHash != near.Info().TokenizerHash || served[0].Context != near.Engine().Model().Context() {
		t.Errorf("%+v, %v", served, err)
	}
}
