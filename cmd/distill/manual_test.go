package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// chapter is a page of the manual that is run as a reader would: all its shell blocks, one after another, in one empty
// folder with the program of this test.
type chapter struct {
	page  string
	setup string   // shell that makes what the page says the reader has
	set   []string // overrides that make a run small, or lead it to the server of this test
}

// small makes any student small enough for a test.
var small = []string{"student.layers=1", "student.width=32", "student.ffn=64", "student.heads=2", "student.context=256", "tokenizer.size=300",
	"train.steps=3", "train.batch=2", "eval.prompts=3", "eval.max_tokens=8", "eval.speed=false"}

// quick makes the quickstart small; its student keeps the teacher's tokenizer.
var quick = []string{"prompts.problems.count=60", "train.steps=3", "train.control=none", "eval.prompts=3", "eval.max_tokens=60", "eval.gates.not_worse=false",
	"eval.gates.of_teacher=0"}

// asking leads to a server with the built-in model; SERVER is its address.
var asking = []string{"teacher.endpoint=SERVER/v1", "teacher.model=reasoner", "teacher.price.input=1", "teacher.price.output=2", "prompts.heldout=0.3"}

var manual = []chapter{
	{page: "README.md", set: quick},
	{page: "docs/use.md", setup: "run_quickstart", set: quick},
	{page: "docs/dataset.md", set: append(slices.Concat(asking, small), "student.kv_heads=2")},
	{page: "docs/train.md", set: small, setup: `make_deep Qwen2.5-0.5B
		i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo "{\"prompt\": \"How much is $i and $i?\", \"answer\": \"$((i+i))\"}"; done > mine.jsonl
		make_text > mine.txt`},
	{page: "docs/export.md", setup: "make_deep Qwen2.5-0.5B-Instruct; make_text > text.txt"},
	{page: "docs/local-teacher.md", setup: "distill model convert builtin:reasoner teacher.gguf",
		set: append([]string{"teacher.samples=2", "teacher.heldout_samples=1", "teacher.sampling.max_tokens=12", "train.seq=64"}, slices.DeleteFunc(slices.Clone(small), func(s string) bool {
			return strings.HasPrefix(s, "tokenizer")
		})...)},
	{page: "docs/ollama.md", set: append(slices.Clone(asking), small...), setup: `i=0
		while [ $i -lt 12 ]; do i=$((i+1)); echo "{\"prompt\": \"Tom has $i apples. He buys 2 more. How many apples does he have?\"}"; done > prompts.jsonl`},
	{page: "docs/plan.md", set: quick, setup: "distill recipes cp quickstart my.yaml"},
	{page: "docs/raspberry-pi.md", setup: "run_quickstart", set: quick},
}

// prelude stands before every page's blocks: the tools they call, turned towards the test. A server that a page starts runs
// until the page's end, at a free port that curl is led to.
const prelude = `
trap 'if [ -n "$server" ]; then kill -INT $server; fi' EXIT # also where a block fails
distill() {
  case "$1" in
  run|plan|generate|score|train|export|eval|report) command distill "$@" $SETS || { code=$?; [ $code = 5 ] || return $code; } ;;
  serve) command distill "$@" --addr 127.0.0.1:0 --quiet > "$STATE/serve" & server=$!
    until [ -s "$STATE/serve" ]; do kill -0 $server || return 1; sleep 0.05; done
    address=$(sed 's, .*,,' "$STATE/serve") ;;
  bench) command distill "$@" -p 8 -n 4 --repeat 1 ;;
  *) command distill "$@" ;;
  esac
}
curl() {
  case "$*" in
  *grade-school-math*) cp "$STATE/gsm8k.jsonl" train.jsonl ;;
  *) n=$#; while [ $n -gt 0 ]; do set -- "$@" "$(printf %s "$1" | sed "s,^\(http://\)*localhost:8080,$address,")"; shift; n=$((n-1)); done
    command curl --fail-with-body "$@" ;;
  esac
}
go() { # the program is built already, and the tests are what runs this
  case "$*" in
  "run ./cmd/distill "*) shift 2; distill "$@" ;;
  "build -o "*) : > "$3" ;;
  "build ./cmd/distill"|"test ./...") ;;
  *) echo "what is go $*?" >&2; return 1 ;;
  esac
}
run_quickstart() { distill run quickstart --quiet > /dev/null; }
make_deep() { command distill run "$STATE/deep.yaml" --until export --quiet > /dev/null && cp -r runs/deep/export/hf "$1"; }
make_text() { i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo "Tom has $i apples and buys $i more, so he has many apples."; done; }
`

// deep is a model of as many layers as the one that the manual speaks of.
const deep = `name: deep
prompts: {problems: {count: 60, max_steps: 1}, heldout: 0.2}
teacher: {kind: reference}
tokenizer: {from: train, size: 300}
student: {layers: 24, width: 32, ffn: 64, heads: 2, context: 512}
train: {steps: 1, batch: 1, seq: 256}
export: {formats: [f16]}
`

var (
	anyBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```")
	excuse   = regexp.MustCompile(`^# needs (.+)\n`)
)

// excuses are the reasons for which a block may stand in the manual without being run here. Each is the block's first line.
var excuses = []string{"a Raspberry Pi", "Ollama", "Python and its openai package", "a release"}

// TestManual runs the manual. Every shell block is run, or begins with a line that says what it needs that is not here.
func TestManual(t *testing.T) {
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is absent", program)
		}
	}
	server := serveReasoner(t)
	for _, c := range manual {
		t.Run(filepath.Base(c.page), func(t *testing.T) {
			t.Parallel()
			c.run(t, server)
		})
	}
}

// TestManualIsWhole: no page with shell blocks is left out.
func TestManualIsWhole(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(fixture.Root(), "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(pages, filepath.Join(fixture.Root(), "README.md"), filepath.Join(fixture.Root(), "CONTRIBUTING.md")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page, _ := filepath.Rel(fixture.Root(), path)
		listed := slices.ContainsFunc(manual, func(c chapter) bool { return c.page == filepath.ToSlash(page) })
		for _, block := range anyBlock.FindAllStringSubmatch(string(text), -1) {
			if block[1] == "sh" && !listed && !excuse.MatchString(block[2]) {
				t.Errorf("%s has a shell block that no test runs:\n%s", page, block[2])
			}
		}
	}
}

func (c *chapter) run(t *testing.T, server string) {
	dir, state := t.TempDir(), t.TempDir()
	text, err := os.ReadFile(filepath.Join(fixture.Root(), filepath.FromSlash(c.page)))
	if err != nil {
		t.Fatal(err)
	}
	write := func(folder, name, content string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(state, "deep.yaml", deep)
	write(state, "gsm8k.jsonl", questions())
	var script strings.Builder
	fmt.Fprintf(&script, "set -e\n%s\n%s\n", prelude, c.setup)
	for i, block := range anyBlock.FindAllStringSubmatch(string(text), -1) {
		kind, body := block[1], block[2]
		reason := excuse.FindStringSubmatch(body)
		name, isRecipe := strings.CutPrefix(strings.SplitN(body, "\n", 2)[0], "name: ")
		switch {
		case kind == "yaml" && isRecipe:
			write(dir, name+".yaml", body)
		case kind == "sh" && reason == nil:
			fmt.Fprintf(&script, "echo 'block %d' >&2\n%s\n", i+1, strings.ReplaceAll("\n"+body, "\n./distill ", "\ndistill "))
		case kind == "sh" && !slices.Contains(excuses, reason[1]):
			t.Errorf("block %d needs %q, which is no known excuse", i+1, reason[1])
		case kind == "sh":
			t.Logf("not run, needs %s:\n%s", reason[1], body)
		}
	}
	script.WriteString("if [ -n \"$server\" ]; then kill -INT $server; wait $server; server=; fi\n")
	write(state, "script", script.String())
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", filepath.Join(state, "script"))
	cmd.Dir = dir
	sets := ""
	for _, s := range c.set {
		sets += " --set " + strings.ReplaceAll(s, "SERVER", server)
	}
	cmd.Env = append(os.Environ(), "SETS="+sets, "STATE="+state, "XDG_CONFIG_HOME="+state)
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", c.page, err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}

// questions are lines as GSM8K has them.
func questions() string {
	var b strings.Builder
	for i := range 8 {
		fmt.Fprintf(&b, `{"question": "Tom has %d apples. He buys 2 more. How many apples does he have?", "answer": "He has %d + 2 = %d.\n#### %d"}`+"\n", i+1, i+1, i+3, i+3)
	}
	return b.String()
}

// serveReasoner serves the built-in model, in place of the services that the manual asks, and returns its address.
func serveReasoner(t *testing.T) string {
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- execute(ctx, []string{"distill", "serve", "builtin:reasoner", "--addr", "127.0.0.1:0", "--quiet"}, strings.NewReader(""), in, io.Discard)
	}()
	t.Cleanup(func() {
		stop()
		if code := <-ended; code != codeDone {
			t.Errorf("the server ended with exit code %d", code)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address, _, _ := strings.Cut(line, " ")
	return address
}
