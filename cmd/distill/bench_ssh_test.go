package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// arm64 makes a login look like a 64-bit Arm board, whose programs run under emulation.
const arm64 = `case "$SSH_ORIGINAL_COMMAND" in
"uname -s -m") echo Linux aarch64 ;;
.cache/*) exec sh -c "qemu-aarch64-static $SSH_ORIGINAL_COMMAND" ;;
*) exec sh -c "$SSH_ORIGINAL_COMMAND" ;;
esac`

var devices = flag.Bool("devices", false, "also build the program for a Raspberry Pi and measure there, under emulation (make devices)")

// TestBenchElsewhere copies the program and a model to another machine through a real sshd and measures there; once a
// machine like this one, once one of another architecture, for which a program is built.
func TestBenchElsewhere(t *testing.T) {
	for name, login := range map[string]string{"this architecture": "", "arm64": arm64} {
		t.Run(name, func(t *testing.T) {
			if login != "" {
				if !*devices {
					t.Skip("make devices runs this: it builds the program")
				}
				for _, program := range []string{"qemu-aarch64-static", "go"} {
					if _, err := exec.LookPath(program); err != nil {
						t.Skipf("%s is absent", program)
					}
				}
			}
			home := fixture.SSHD(t, login)
			t.Setenv("XDG_CONFIG_HOME", t.TempDir())
			run := smallRun(t)
			distill := func(want int, args ...string) string {
				t.Helper()
				var out strings.Builder
				if code := execute(t.Context(), append([]string{"distill"}, args...), strings.NewReader(""), &out, &out); code != want {
					t.Fatalf("%v: exit code %d\n%s", args, code, out.String())
				}
				return out.String()
			}
			bench := func(model string, more ...string) string {
				args := append([]string{"bench", model, "--ssh", "device", "-p", "8", "-n", "4", "--repeat", "1"}, more...)
				if login == "" {
					args = append(args, "--binary", standIn(t))
				}
				return distill(codeDone, args...)
			}
			out := bench(filepath.Join(run, "export", "student-q4_0.gguf"), "--threads", "1,2", "--keep")
			if !strings.Contains(out, "decode tok/s") || !strings.Contains(out, "the report of "+run+" has it") {
				t.Errorf("it printed\n%s", out)
			}
			checkReport(t, run)
			plan := distill(codeDone, "plan", filepath.Join(run, "recipe.yaml"), "--dir", run, "--no-bench")
			if !strings.Contains(plan, "scaled from distill bench --ssh there, student-q4_0.gguf at") {
				t.Errorf("the plan does not know of it:\n%s", plan)
			}
			if login != "" {
				return // emulation is slow, and the rest is the same
			}
			if left, _ := filepath.Glob(filepath.Join(home, ".cache/distill-bench/*/distill")); len(left) != 1 {
				t.Errorf("with --keep, the other machine has %v", left)
			}
			out = bench(run)
			if strings.Count(out, "there already") != 1 {
				t.Errorf("the program was there, the model was not:\n%s", out)
			}
			if _, err := os.Stat(filepath.Join(home, ".cache/distill-bench")); err == nil {
				t.Error("without --keep, something is left on the other machine")
			}
			// The report is made again with what is known of the files that it is about.
			distill(codeGate, "report", filepath.Join(run, "recipe.yaml"), "--dir", run, "--set", "eval.gates.exact_match=1")
			checkReport(t, run)
		})
	}
}

// standIn builds a program that starts distill as it is tested here: what is copied is small, and the same each time.
func standIn(t *testing.T) string {
	t.Helper()
	tested, err := exec.LookPath("distill") // which TestMain puts into PATH
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module standin\n",
		"main.go": fmt.Sprintf("package main\n\nimport (\n\t\"os\"\n\t\"syscall\"\n)\n\nfunc main() { panic(syscall.Exec(%q, os.Args, os.Environ())) }\n", tested),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", "distill", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(dir, "distill")
}

func checkReport(t *testing.T, run string) {
	t.Helper()
	rep, err := report.Read(run)
	if err != nil {
		t.Fatal(err)
	}
	var rows []report.Model
	for _, m := range rep.Models {
		if m.MeasuredOn != "" && m.Format == "Q4_0" {
			rows = append(rows, m)
		}
	}
	if len(rows) != 1 || rows[0].DecodeTokensPS == nil || *rows[0].DecodeTokensPS <= 0 || rows[0].Bytes == 0 {
		t.Fatalf("rows of the other machine: %+v", rows)
	}
	page, err := os.ReadFile(filepath.Join(run, report.HTMLFile))
	if err != nil || !strings.Contains(string(page), "Q4_0 on "+rows[0].MeasuredOn) {
		t.Errorf("the page does not have the row (%v)", err)
	}
}

// smallRun makes a run with exports and a report in a second or two.
func smallRun(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	recipe := filepath.Join(dir, "small.yaml")
	text := `name: small
prompts: {problems: {count: 60, max_steps: 1}, heldout: 0.2}
teacher: {kind: reference}
tokenizer: {from: train, size: 300}
student: {layers: 1, width: 32, ffn: 64, heads: 2, context: 128}
train: {steps: 2, batch: 2}
export: {formats: [q8_0, q4_0], hf: false, modelfile: false}
eval: {match: number, prompts: 2, max_tokens: 4, speed: false}
`
	if err := os.WriteFile(recipe, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	if code := execute(t.Context(), []string{"distill", "run", recipe, "--dir", run, "-q"}, strings.NewReader(""), io.Discard, os.Stderr); code != codeDone {
		t.Fatalf("exit code %d", code)
	}
	return run
}

func TestBenchElsewhereRefused(t *testing.T) {
	fixture.SSHD(t, "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	run := smallRun(t)
	model := filepath.Join(run, "export", "student-q4_0.gguf")
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown host":          {[]string{model, "--ssh", "nobody@elsewhere"}, "hint: ssh nobody@elsewhere true shows what is wrong"},
		"no program":            {[]string{model, "--ssh", "device", "--binary", model}, "is no build of distill"},
		"no file":               {[]string{"builtin:reasoner", "--ssh", "device"}, "hint: distill model convert writes one"},
		"without ssh":           {[]string{model, "--keep"}, "--keep is for --ssh"},
		"an option for a host":  {[]string{model, "--ssh", "-oProxyCommand=true"}, "is no user@host"},
		"a thread count":        {[]string{model, "--ssh", "device", "--threads", "many"}, "is no number of threads"},
		"a file that is absent": {[]string{model + "x", "--ssh", "device"}, "no such file"},
	} {
		var out strings.Builder
		code := execute(t.Context(), append([]string{"distill", "bench"}, test.args...), strings.NewReader(""), io.Discard, &out)
		if code != codeUsage || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: exit code %d\n%s", name, code, out.String())
		}
	}
}
