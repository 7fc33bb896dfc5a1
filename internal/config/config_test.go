package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const small = `name: small
prompts:
  list: [Once upon a time]
  format: raw
teacher:
  kind: local
  model: teacher.gguf
  limits:
    timeout: 90s
train:
  optimizer:
    lr: 0.001
`

func parse(t *testing.T, text string, overrides ...string) *Recipe {
	t.Helper()
	r, err := Parse("r.yaml", "dir", []byte(text), overrides)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseKeepsDefaults(t *testing.T) {
	r, want := parse(t, small), Default()
	want.Name = "small"
	want.Prompts.List, want.Prompts.Format = []string{"Once upon a time"}, "raw"
	want.Teacher.Kind, want.Teacher.Model = "local", filepath.Join("dir", "teacher.gguf")
	want.Teacher.Limits.Timeout = 90 * time.Second
	want.Train.Optimizer.LR = 0.001
	want.Tokenizer.From = "teacher"
	if diff := cmp.Diff(&want, r); diff != "" {
		t.Error(diff)
	}
}

// TestTokenizerFollowsTheTeacher: a recipe that says nothing of the tokenizer is valid whatever teacher it has.
func TestTokenizerFollowsTheTeacher(t *testing.T) {
	remote := []string{"teacher.kind=remote", "teacher.endpoint=http://localhost:1/v1"}
	for _, c := range []struct {
		overrides []string
		want      string
	}{
		{nil, "teacher"},
		{[]string{"teacher.kind=builtin"}, "teacher"},
		{[]string{"teacher.kind=reference"}, "train"},
		{remote, "train"},
		{append(remote, "score.model=m.gguf"), "teacher"},
		{append(remote, "tokenizer.from=./m.gguf"), "./m.gguf"},
		{append(remote, "student.from=./m.gguf", "teacher.signal.kind=topk", "train.loss.kind=forward_kl"), "train"},
	} {
		if r := parse(t, small, c.overrides...); r.Tokenizer.From != c.want {
			t.Errorf("%v: tokenizer.from is %q, want %q", c.overrides, r.Tokenizer.From, c.want)
		}
	}
}

// TestStudentFromTeacher: a teacher without weights here cannot be started from, and a cut has its defaults.
func TestStudentFromTeacher(t *testing.T) {
	r := parse(t, small, "student.from=teacher", "student.cut.layers=2")
	if r.Student.Cut.Choose != "importance" || r.Student.Cut.Tokens == 0 {
		t.Errorf("%+v", r.Student.Cut)
	}
	for _, kind := range []string{"reference", "remote"} {
		_, err := Parse("r.yaml", "", []byte(small), []string{"student.from=teacher", "teacher.endpoint=http://localhost:1/v1", "teacher.kind=" + kind})
		if err == nil || !strings.Contains(err.Error(), "student.from: a "+kind+" teacher has no weights here") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestRemoteOptions: further request fields and headers read back as they were, and no key gets in by them.
func TestRemoteOptions(t *testing.T) {
	remote := []string{"teacher.kind=remote", "teacher.endpoint=http://localhost:1/v1", "teacher.key_envs=[A_KEY, B_KEY]", "teacher.batch=true",
		"teacher.extra={reasoning_effort: low}", "teacher.headers={X-Title: mine}", "teacher.limits.when_down=stop", "teacher.limits.patience=1m"}
	r := parse(t, small, remote...)
	text, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again", "", text, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(r, again); diff != "" || r.Teacher.Extra["reasoning_effort"] != "low" {
		t.Errorf("%s%v", diff, r.Teacher.Extra)
	}
	for _, bad := range []string{"teacher.key_envs=[sk_secret]", "teacher.headers={Authorization: secret}", "teacher.kind=builtin", "teacher.on_truncated=drop"} {
		if _, err := Parse("r.yaml", "dir", []byte(small), append(remote, bad)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	r := parse(t, small, "prompts.system=line one\nline: two", "score.model=/m", "eval.gates.max_kl=0.5",
		"select.verify.0.kind=regex", "select.verify.0.pattern=\\d+")
	text, err := Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("again", "", text, nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(r, again); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsPointAtTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, from, to, at, message, hint string }{
		{"unknown field", "    lr: 0.001", "    rl: 0.001", "r.yaml:12:5", "train.optimizer.rl: unknown field", `"lr"`},
		{"unknown section", "train:", "trian:", "r.yaml:10:1", "trian: unknown field", `"train"`},
		{"wrong type", "lr: 0.001", "lr: fast", "r.yaml:12:9", `train.optimizer.lr: want a number, got "fast"`, ""},
		{"wrong duration", "90s", "soon", "r.yaml:9:14", "teacher.limits.timeout: want a duration", ""},
		{"a value for a section", "  optimizer:\n    lr: 0.001", "  optimizer: adam", "r.yaml:11:14", "want a section", "lr"},
		{"not in the list", "raw", "row", "r.yaml:4:11", `"row" is not known`, `"raw"`},
		{"out of range", "lr: 0.001", "lr: -1", "r.yaml:12:9", "must be above 0", ""},
		{"missing", "  model: teacher.gguf\n", "", "r.yaml:6:", "a local teacher needs a model", "--set"},
		{"duplicate", "  kind: local", "  kind: local\n  kind: local", "r.yaml:7:3", "kind", ""},
		{"two sources", "  list:", "  file: x.jsonl\n  list:", "r.yaml:3:", "exactly one of file, list and problems", ""},
		{"syntax", "name: small", "name: [small", "r.yaml:", "", ""},
		{"random weights are not cut", "train:", "student:\n  cut: {layers: 2}\ntrain:", "r.yaml:11:8", "student.cut: random weights", "student.from"},
		{"a cut of nothing", "train:", "student:\n  from: teacher\n  cut: {choose: spread}\ntrain:", "r.yaml:12:8", "student.cut: cuts nothing", "layers"},
		{"layers out of order", "train:", "student:\n  from: teacher\n  cut: {keep: [2, 1]}\ntrain:", "r.yaml:12:", "ascending", ""},
		{"layers twice", "train:", "student:\n  from: teacher\n  cut: {keep: [1, 2], layers: 3}\ntrain:", "r.yaml:12:", "keep names 2 layers", ""},
		{"needs a signal", "train:", "train:\n  loss: {kind: forward_kl}", "r.yaml:11:16", "not kept", "sampled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(small, c.from) {
				t.Fatalf("the recipe has no %q", c.from)
			}
			_, err := Parse("r.yaml", "", []byte(strings.Replace(small, c.from, c.to, 1)), nil)
			found := Errors(err)
			if len(found) == 0 {
				t.Fatalf("accepted, or not a recipe error: %v", err)
			}
			e := found[0]
			if !strings.HasPrefix(e.Error(), c.at) || !strings.Contains(e.Error(), c.message) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("%v\nhint: %s\nwant it at %s with %q and the hint %q", e, e.Hint, c.at, c.message, c.hint)
			}
			if !strings.Contains(e.Error(), "^") {
				t.Errorf("no excerpt: %v", e)
			}
		})
	}
}

func TestSet(t *testing.T) {
	r := parse(t, small, "train.batch=3", "export.formats=[q8_0]", "export.formats.1=q4_0", "teacher.model=x y.gguf",
		"eval.gates.max_kl=0.5", "teacher.limits.timeout=2m", "teacher.price={input: 1, output: 2}", "teacher.price.output=3")
	if r.Train.Batch != 3 || !reflect.DeepEqual(r.Export.Formats, []string{"q8_0", "q4_0"}) || r.Teacher.Model != "x y.gguf" ||
		*r.Eval.Gates.MaxKL != 0.5 || r.Teacher.Limits.Timeout != 2*time.Minute || r.Teacher.Price.Input != 1 || r.Teacher.Price.Output != 3 {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"train.batch", "train.bacth=3", "train.batch=x", "train.batch=", "train.batch.x=1", "export.formats.9=f16",
		"train=1", "=", "teacher.price={in: 1}"} {
		if err := r.Set(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSecretsAreRefusedAndNotRepeated(t *testing.T) {
	const secret = "sk-0123456789abcdef"
	for _, override := range []string{"teacher.key_env=" + secret, "teacher.endpoint=https://user:" + secret + "@host/v1"} {
		_, err := Parse("r.yaml", "", []byte(small), []string{"teacher.kind=remote", "teacher.endpoint=https://host/v1", override})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}

// TestSchemaIsWhole asks that every field has a comment: it is the manual.
func TestSchemaIsWhole(t *testing.T) {
	data, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	manual := Manual()
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			f := f
			name := join(path, fieldName(f))
			if fieldName(f) == "" {
				t.Errorf("%s.%s has no name in documents", typ.Name(), f.Name)
			}
			if inner, ok := structOf(f.Type); ok {
				if comments()[inner.Name()] == "" {
					t.Errorf("%s has no comment", inner.Name())
				}
				if f.Type.Kind() == reflect.Slice {
					name += "[]"
				}
				walk(inner, name)
				continue
			}
			if comments()[typ.Name()+"."+f.Name] == "" {
				t.Errorf("%s has no comment", name)
			}
			if !strings.Contains(manual, "`"+name+"`") || !strings.Contains(string(data), `"`+fieldName(f)+`"`) {
				t.Errorf("%s is missing from the manual or the schema", name)
			}
		}
	}
	walk(reflect.TypeFor[Recipe](), "")
}

func TestLoadRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "absent.yaml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	empty := filepath.Join(dir, "empty.yaml")
	if err := os.WriteFile(empty, []byte("# nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(empty, nil); err == nil || !strings.Contains(err.Error(), "empty") {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(small)
	f.Add("name: [")
	f.Add("a: &a\n  b: *a")
	f.Add("<<: {name: x}\nprompts: {list: [a]}")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := Parse("r.yaml", "", []byte(text), nil)
		if err != nil {
			return
		}
		out, err := Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("again.yaml", "", out, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if diff := cmp.Diff(r, again); diff != "" {
			t.Error(diff)
		}
	})
}

func ExampleParse() {
	_, err := Parse("my.yaml", ".", []byte("name: mine\nprompts:\n  lst: [What is love?]\nteacher: {kind: builtin, model: reasoner}\n"), nil)
	for _, e := range Errors(err) {
		fmt.Println(e)
		fmt.Println(e.Hint)
	}
	// Output:
	// my.yaml:3:3: prompts.lst: unknown field
	//      2 | prompts:
	//      3 |   lst: [What is love?]
	//        |   ^
	// did you mean "list"?
}

// TestOnPolicyNeedsAJudge: the student's own answers are judged by a teacher on this machine that knows its tokens.
func TestOnPolicyNeedsAJudge(t *testing.T) {
	own := "train.on_policy.share=0.5"
	parse(t, small, own)
	parse(t, small, own, "teacher.kind=remote", "teacher.endpoint=http://localhost:1/v1", "score.model=m.gguf")
	for _, bad := range [][]string{
		{own, "teacher.kind=reference"},
		{own, "tokenizer.from=train"},
		{own, "train.on_policy.start=0.8", "train.on_policy.ramp=0.3"},
		{"train.on_policy.share=1.5"},
		{own, "train.on_policy.loss=ce"},
		{own, "train.on_policy.every=0"},
		{"train.optimizer.decay=0"},
	} {
		if _, err := Parse("r.yaml", "dir", []byte(small), bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

// TestSetNull: an override leaves out a section that the recipe has.
func TestSetNull(t *testing.T) {
	r := parse(t, small, "student.lora.rank=4", "student.lora=null")
	if r.Student.LoRA != nil {
		t.Errorf("%+v is still there", r.Student.LoRA)
	}
}
