package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const askedRecipe = `name: asked
prompts:
  list: [why, how]
  grow: {count: 5}
teacher: {kind: remote, endpoint: "http://localhost:1/v1", model: sage, batch: true}
select:
  verify:
    - kind: judge
      judge: {by: {kind: remote, model: m, endpoint: "http://localhost:2/v1"}}
`

// Sections that recipes may leave out have their defaults when they are there, in a document and by --set; they read back
// as they were written.
func TestAskedDefaults(t *testing.T) {
	r := parse(t, askedRecipe)
	g, j := r.Prompts.Grow, r.Select.Verify[0].Judge
	if g.Style != "invent" || g.Shown != 6 || g.Temperature != 1 || g.Count != 5 || j.Max != 10 || j.MaxTokens != 1024 || j.By.Concurrency != 16 {
		t.Errorf("%+v %+v %+v", g, j, j.By)
	}
	if r.Teacher.BatchSize != 1000 || r.Teacher.BatchPoll != 30*time.Second {
		t.Errorf("batches of %d, looked at every %v", r.Teacher.BatchSize, r.Teacher.BatchPoll)
	}
	set := parse(t, strings.Replace(askedRecipe, "  grow: {count: 5}\n", "", 1), "prompts.grow.count=5")
	if diff := cmp.Diff(r, set); diff != "" {
		t.Errorf("by --set:\n%s", diff)
	}
	text, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, parse(t, string(text))); diff != "" {
		t.Errorf("read back:\n%s", diff)
	}
}

// What is wrong with a judge or with growing is said at its place.
func TestAskedErrors(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"count: 5", "count: 0", "r.yaml:4:17: prompts.grow.count: must be at least 1"},
		{"count: 5", "count: 5, style: odd", "r.yaml:4:27: prompts.grow.style: "},
		{"count: 5", "count: 5, by: {kind: remote, model: m, endpoint: here}", `prompts.grow.by.endpoint: is no http or https address`},
		{"count: 5", "count: 5, by: {kind: remote, model: m, endpoint: 'http://h/v1', batch: true}", "prompts.grow.by.batch: each round"},
		{"kind: judge", "kind: number", "select.verify.0.judge: does not belong"},
		{"model: m, ", "", "r.yaml:9:19: select.verify.0.judge.by.model: must be given"},
		{"by: {", "min: 5, max: 2, by: {", "r.yaml:9:20: select.verify.0.judge.min: is not below max"},
		{"by: {", "pass: 11, by: {", "r.yaml:9:21: select.verify.0.judge.pass: lies outside"},
		{"by: {", "template: '{{.Prompt', by: {", "r.yaml:9:25: select.verify.0.judge.template: "},
		{"by: {", "name: a/b, by: {", "select.verify.0.judge.name: "},
		{"model: m,", "model: m, key_env: sk-0123456789,", "select.verify.0.judge.by.key_env: is no name"},
		{"      judge: ", "      judg: ", "select.verify.0.judg: unknown field"},
		{"kind: judge\n      judge", "kind: judge\n      # judge", "r.yaml:8:11: select.verify.0: judge needs a judge section"},
		{"batch: true", "batch: true, batch_size: 100000", "teacher.batch_size: must be at most 50000"},
		{"batch: true", "batch_poll: -1s", "teacher.batch_poll: a duration is not negative"},
	} {
		text := strings.Replace(askedRecipe, c.from, c.to, 1)
		if _, err := Parse("r.yaml", "", []byte(text), nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s instead of %s: %v, want %s", c.to, c.from, err, c.want)
		}
	}
	twice := askedRecipe + strings.Join(strings.Split(askedRecipe, "\n")[7:9], "\n") + "\n"
	if _, err := Parse("r.yaml", "", []byte(twice), nil); err == nil || !strings.Contains(err.Error(), `two judges are called "judge"`) {
		t.Errorf("two judges of one name: %v", err)
	}
}

// Who is asked beside the teacher has a sampling and a budget of its own, and the teacher's patience.
func TestAskedTeacher(t *testing.T) {
	r := parse(t, askedRecipe, "teacher.limits.patience=3m", "teacher.samples=4", "teacher.signal.kind=topk", "teacher.budget.usd=5")
	own := r.Asked(nil, 0.5, 77, Budget{USD: 1})
	if own.Model != "sage" || own.Samples != 1 || own.Signal.Kind != "none" || own.Budget.USD != 1 || own.Sampling.MaxTokens != 77 {
		t.Errorf("the run's own teacher: %+v", own)
	}
	other := r.Asked(r.Select.Verify[0].Judge.By, 0, 10, Budget{})
	if other.Model != "m" || other.Limits.Patience != 3*time.Minute || other.Budget.USD != 0 || other.Batch {
		t.Errorf("another model: %+v", other)
	}
	if r.Teacher.Samples != 4 || r.Teacher.Budget.USD != 5 {
		t.Error("the teacher itself has changed")
	}
}

// What changed in a list of sections, or in one that may be left out, is named by its field.
func TestAskedDiff(t *testing.T) {
	a := parse(t, askedRecipe)
	b := parse(t, askedRecipe, "select.verify.0.judge.pass=5", "prompts.grow.count=6", "select.verify.1.kind=regex", "select.verify.1.pattern=x")
	want := []Change{{"prompts.grow.count", "5", "6"}, {"select.verify.0.judge.pass", "0", "5"}, {"select.verify.1", "none", "there"}}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Error(diff)
	}
	c := parse(t, strings.Replace(askedRecipe, "  grow: {count: 5}\n", "", 1))
	if diff := cmp.Diff([]Change{{"prompts.grow", "there", "none"}}, Diff(a, c)); diff != "" {
		t.Error(diff)
	}
}
