package config

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
)

// Validate checks every value against its field's limits, and the rules that hold between fields. What it cannot see, it
// leaves to the stages: whether files exist, what a server can do, which vocabulary a model has.
func (r *Recipe) Validate() error {
	return (&document{name: "recipe"}).validate(r)
}

func (d *document) validate(r *Recipe) error {
	v := &validation{doc: d}
	v.limits(reflect.ValueOf(r).Elem(), "")
	v.prompts(&r.Prompts)
	v.teacher(&r.Teacher)
	v.selection(r)
	v.askedModels(r)
	v.student(r)
	v.training(r)
	v.export(r)
	v.eval(r)
	return errors.Join(v.errs...)
}

type validation struct {
	doc  *document
	errs []error
}

// fail records an error at a field, or at the nearest section around it that the document has.
func (v *validation) fail(path, hint, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	for at := path; v.doc.root != nil && at != ""; {
		if node := v.doc.find(at); node != nil {
			v.errs = append(v.errs, v.doc.errorAt(node, path, message, hint))
			return
		}
		i := strings.LastIndexByte(at, '.')
		at = at[:max(i, 0)]
	}
	v.errs = append(v.errs, &Error{File: v.doc.name, Path: path, Message: message, Hint: hint})
}

// limits checks what the jsonschema tags say: enum, minimum, maximum, exclusiveMinimum, pattern, required.
func (v *validation) limits(at reflect.Value, path string) {
	switch at.Kind() {
	case reflect.Pointer:
		if !at.IsNil() {
			v.limits(at.Elem(), path)
		}
	case reflect.Slice:
		for i := range at.Len() {
			v.limits(at.Index(i), fmt.Sprintf("%s.%d", path, i))
		}
	case reflect.Struct:
		for i := range at.NumField() {
			field := at.Type().Field(i)
			name := join(path, fieldName(field))
			v.limit(at.Field(i), field.Tag.Get("jsonschema"), name)
			v.limits(at.Field(i), name)
		}
	}
}

func (v *validation) limit(at reflect.Value, tag, path string) {
	for at.Kind() == reflect.Pointer {
		if at.IsNil() {
			return
		}
		at = at.Elem()
	}
	if d, ok := at.Interface().(time.Duration); ok && d < 0 {
		v.fail(path, "", "a duration is not negative, got %s", d)
	}
	var enum []string
	for part := range strings.SplitSeq(tag, ",") {
		key, bound, _ := strings.Cut(part, "=")
		switch key {
		case "enum":
			enum = append(enum, bound)
		case "required":
			if at.IsZero() && at.Kind() == reflect.String {
				v.fail(path, "", "must be given")
				return
			}
		case "pattern":
			if !regexp.MustCompile(bound).MatchString(at.String()) {
				v.fail(path, "letters, digits, dots, dashes and underscores", "%q is no name for a folder", at.String())
			}
		case "minimum", "maximum", "exclusiveMinimum":
			v.bound(at, key, bound, path)
		}
	}
	if enum == nil {
		return
	}
	if slices.Contains(enum, at.String()) {
		return
	}
	v.fail(path, suggest(at.String(), enum), "%q is not known", at.String())
}

func (v *validation) bound(at reflect.Value, kind, bound, path string) {
	limit, err := strconv.ParseFloat(bound, 64)
	if err != nil {
		panic("config: bad limit in the tag of " + path)
	}
	var x float64
	switch {
	case at.CanInt():
		x = float64(at.Int())
	case at.CanUint():
		x = float64(at.Uint())
	default:
		x = at.Float()
	}
	switch {
	case kind == "minimum" && !(x >= limit):
		v.fail(path, "", "must be at least %s, got %v", bound, at.Interface())
	case kind == "maximum" && !(x <= limit):
		v.fail(path, "", "must be at most %s, got %v", bound, at.Interface())
	case kind == "exclusiveMinimum" && !(x > limit):
		v.fail(path, "", "must be above %s, got %v", bound, at.Interface())
	}
}

func (v *validation) prompts(p *Prompts) {
	sources := 0
	for _, given := range []bool{p.File != "", len(p.List) > 0, p.Problems != nil} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		v.fail("prompts", "prompts come from one place", "want exactly one of file, list and problems, got %d", sources)
	}
	if p.Template != "" {
		if _, err := template.New("").Option("missingkey=error").Parse(p.Template); err != nil {
			v.fail("prompts.template", "a field is written {{.question}}", "%s", strings.TrimPrefix(err.Error(), "template: :1: "))
		}
		if p.File == "" {
			v.fail("prompts.template", "", "a template needs the fields of a file")
		}
	}
	if ref := p.Reference; ref != nil && ref.Pattern != "" {
		v.pattern("prompts.reference.pattern", ref.Pattern)
	}
	if g := p.Problems; g != nil {
		if g.MinSteps > g.MaxSteps {
			v.fail("prompts.problems.min_steps", "", "is above max_steps: %d > %d", g.MinSteps, g.MaxSteps)
		}
	}
	for i, text := range p.List {
		if strings.TrimSpace(text) == "" {
			v.fail(fmt.Sprintf("prompts.list.%d", i), "", "an empty prompt asks nothing")
		}
	}
}

func (v *validation) pattern(path, pattern string) {
	if _, err := regexp.Compile(pattern); err != nil {
		v.fail(path, "", "%s", err)
	}
}

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (v *validation) teacher(t *Teacher) {
	v.keys("teacher", t)
	switch t.Kind {
	case "remote":
		v.address("teacher", t)
	case "local", "builtin":
		if t.Model == "" {
			v.fail("teacher.model", "--set teacher.model=PATH", "a %s teacher needs a model", t.Kind)
		}
		if t.Endpoint != "" {
			v.fail("teacher.endpoint", "only a remote teacher has one", "does not belong to a %s teacher", t.Kind)
		}
	case "reference":
		if t.Signal.Kind != "none" {
			v.fail("teacher.signal.kind", "set it to none", "gold text comes without probabilities")
		}
	}
	if t.Batch && t.Kind != "remote" {
		v.fail("teacher.batch", "only a remote teacher has a batch endpoint", "does not belong to a %s teacher", t.Kind)
	}
}

// keys refuses what may be a key itself. Its value is not repeated.
func (v *validation) keys(section string, t *Teacher) {
	for i, name := range append([]string{t.KeyEnv}, t.KeyEnvs...) {
		path := section + ".key_env"
		if i > 0 {
			path = fmt.Sprintf("%s.key_envs.%d", section, i-1)
		}
		if i == 0 && name == "" || envName.MatchString(name) && !strings.HasPrefix(name, "sk_") && len(name) <= 64 {
			continue
		}
		v.errs = append(v.errs, &Error{File: v.doc.name, Path: path, Message: "is no name of an environment variable",
			Hint: "keep the key itself out of recipes: export DEEPSEEK_API_KEY=… and write key_env: DEEPSEEK_API_KEY"})
	}
	for name := range t.Headers {
		switch strings.ToLower(name) {
		case "authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie":
			v.errs = append(v.errs, &Error{File: v.doc.name, Path: section + ".headers." + name, Message: "carries a key", Hint: "use key_env"})
		}
	}
}

// address checks where a remote model is.
func (v *validation) address(section string, t *Teacher) {
	if t.Model == "" {
		v.fail(section+".model", "the name the server knows the model by", "a remote model needs a name")
	}
	u, err := url.Parse(t.Endpoint)
	switch {
	case t.Endpoint == "" && t.Dialect == "":
		v.fail(section+".endpoint", "such as https://api.deepseek.com/v1 or http://localhost:11434/v1", "a remote model needs an endpoint")
	case err != nil || t.Endpoint != "" && (u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		v.fail(section+".endpoint", "such as https://api.deepseek.com/v1", "is no http or https address")
	case u.User != nil:
		v.errs = append(v.errs, &Error{File: v.doc.name, Path: section + ".endpoint", Message: "carries a user or password", Hint: "use key_env"})
	}
}

func (v *validation) selection(r *Recipe) {
	for i, c := range r.Select.Verify {
		path := fmt.Sprintf("select.verify.%d", i)
		need := map[string]string{"regex": c.Pattern, "json": c.Schema, "expr": c.Expr}
		field := map[string]string{"regex": "pattern", "json": "schema", "expr": "expr"}[c.Kind]
		if field != "" && need[c.Kind] == "" {
			v.fail(path, "", "%s needs %s", c.Kind, field)
		}
		if c.Pattern != "" {
			v.pattern(path+".pattern", c.Pattern)
		}
		if (c.Kind == "number" || c.Kind == "exact" || c.Kind == "fuzzy") && !r.hasReference() {
			v.fail(path, "prompts.reference says where a line keeps it", "%s compares with a reference answer, and the prompts have none", c.Kind)
		}
	}
}

func (r *Recipe) hasReference() bool {
	return r.Prompts.Problems != nil || r.Prompts.Reference != nil || r.Prompts.File != ""
}

func (v *validation) student(r *Recipe) {
	s := &r.Student
	if s.From != "scratch" {
		v.start(r) // its shape is the checkpoint's
		return
	}
	if s.Cut != nil {
		v.fail("student.cut", "name a model in student.from, or teacher", "random weights are made in the shape that is wanted, not cut")
	}
	kv := s.KVHeads
	if kv == 0 {
		kv = s.Heads
	}
	switch {
	case s.Heads > 0 && s.Width%s.Heads != 0:
		v.fail("student.heads", "", "width %d is no multiple of %d heads", s.Width, s.Heads)
	case s.Heads > 0 && s.Width/s.Heads%2 != 0:
		v.fail("student.heads", "", "the head size %d must be even", s.Width/s.Heads)
	case kv > 0 && s.Heads%kv != 0:
		v.fail("student.kv_heads", "", "%d heads cannot share %d KV heads evenly", s.Heads, kv)
	}
	if s.Template != "" && r.Tokenizer.From == "teacher" {
		v.fail("student.template", "set tokenizer.from to train", "a student on the teacher's tokenizer keeps the teacher's template")
	}
}

func (v *validation) training(r *Recipe) {
	t := &r.Train
	if t.Steps == 0 && t.Tokens == 0 && t.Epochs == 0 {
		v.fail("train", "", "want one of steps, tokens and epochs")
	}
	if t.Seq > r.Student.Context && r.Student.From == "scratch" {
		v.fail("train.seq", "", "sequences of %d tokens do not fit the student's context of %d", t.Seq, r.Student.Context)
	}
	signal := r.Teacher.Signal.Kind
	if r.Score != nil {
		signal = r.Score.Signal.Kind
	}
	if t.Loss.Dense {
		v.dense(r)
	} else if t.Loss.Kind != "ce" && signal == "none" {
		v.fail("train.loss.kind", "set teacher.signal.kind to sampled, or add a score section, or use ce",
			"%s compares distributions, and the teacher's is not kept", t.Loss.Kind)
	}
	if signal == "sampled" && !t.Loss.Dense && t.Loss.Kind != "ce" && (t.Loss.Kind != "forward_kl" || t.Loss.Temperature != 1) {
		v.fail("train.loss.kind", "use forward_kl at temperature 1, or a topk signal, or dense: true",
			"a sampled signal estimates forward KL at temperature 1 and nothing else without bias")
	}
	if t.OnPolicy.Share > 0 {
		v.onPolicy(r)
	}
	v.hidden(r)
	if q := t.QAT; q != nil && !slices.Contains(formats, strings.ToLower(q.Type)) {
		v.fail("train.qat.type", suggest(q.Type, formats), "%q is not known", q.Type)
	}
	if r.Student.LoRA != nil && r.Student.From == "scratch" {
		v.fail("student.lora", "name a checkpoint in student.from", "adapters need weights that know something")
	}
	if a := r.Student.LoRA; a != nil {
		for i, target := range a.Targets {
			if !slices.Contains(loraTargets, target) {
				v.fail(fmt.Sprintf("student.lora.targets.%d", i), suggest(target, loraTargets), "%q is not known", target)
			}
		}
	}
	if t.Loss.Dense && r.Tokenizer.From == "train" && r.Student.From == "scratch" {
		v.fail("tokenizer.from", "set it to teacher; or keep a signal instead of dense, which is carried over",
			"a teacher that runs along knows its own vocabulary, not one trained here")
	}
	if k := r.Teacher.Kind; (k == "remote" || k == "reference") && r.Score == nil && r.Tokenizer.From == "teacher" && r.Student.From == "scratch" {
		v.fail("tokenizer.from", "set it to train, or to the path of a model that has the vocabulary",
			"a %s teacher has no tokenizer to give", k)
	}
}

// dense checks what a teacher in the training loop needs.
func (v *validation) dense(r *Recipe) {
	if r.Train.Loss.Kind == "ce" {
		v.fail("train.loss.dense", "use forward_kl or another divergence", "cross-entropy looks at the text alone")
	}
	if kind := r.Train.Loss.Kind; kind == "uld" || kind == "gold" {
		v.fail("train.loss.dense", "keep a topk signal instead, or use forward_kl", "%s is for another vocabulary than the teacher's, and a teacher that runs along knows its own", kind)
	}
	if !r.weightsHere() {
		v.fail("train.loss.dense", "a local or builtin teacher, or a score section, has one", "a %s teacher has no weights here", r.Teacher.Kind)
	}
}

// onPolicy checks what it takes to judge the student's own answers.
func (v *validation) onPolicy(r *Recipe) {
	o := &r.Train.OnPolicy
	if k := r.Teacher.Kind; o.K == 0 && o.Share > 0 && r.Score != nil && r.Score.By != nil {
		v.fail("train.on_policy.k", "set it to 20, say", "a server that scores gives the likeliest tokens, not the whole distribution")
	} else if k != "local" && k != "builtin" && r.Score == nil {
		v.fail("train.on_policy.share", "a local or builtin teacher, or a score section, can judge", "a %s teacher does not judge the student's own answers", k)
	}
	if o.Start+o.Ramp > 1 {
		v.fail("train.on_policy.ramp", "", "start and ramp are %v of the steps together, more than there are", o.Start+o.Ramp)
	}
	if r.Tokenizer.From == "train" && r.Student.From == "scratch" {
		v.fail("tokenizer.from", "set it to teacher", "a teacher judges tokens of its own vocabulary, not of one trained here")
	}
}

var loraTargets = []string{"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}

var formats = []string{"f32", "f16", "bf16", "q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k",
	"q3_k_m", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m"}

func (v *validation) export(r *Recipe) {
	known := map[string]bool{}
	for _, f := range formats {
		known[f] = true
	}
	seen := map[string]bool{}
	for i, f := range r.Export.Formats {
		path := fmt.Sprintf("export.formats.%d", i)
		if !known[strings.ToLower(f)] {
			v.fail(path, suggest(f, formats), "%q is not known", f)
		}
		if seen[strings.ToLower(f)] {
			v.fail(path, "", "%s is asked for twice", f)
		}
		seen[strings.ToLower(f)] = true
	}
}

func (v *validation) eval(r *Recipe) {
	g := &r.Eval.Gates
	if r.Eval.Match == "none" && (g.ExactMatch != nil || g.OfTeacher != nil || g.QuantizedWithin != nil) {
		v.fail("eval.match", "set it to number or exact", "a gate asks for exact match, and none is measured")
	}
	if r.Eval.Match != "none" && !r.hasReference() {
		v.fail("eval.match", "prompts.reference says where a line keeps it", "%s compares with a reference answer, and the prompts have none", r.Eval.Match)
	}
	if r.Prompts.Heldout == 0 && (g.NotWorse || g.MaxKL != nil || r.Eval.Match != "none") {
		v.fail("prompts.heldout", "", "nothing is held out, so nothing can be measured")
	}
}
