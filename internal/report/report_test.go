package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](v T) *T { return &v }

// sample is a report with every part present and text that would break a page that did not escape it.
func sample() *Report {
	models := []Model{
		{Role: Teacher, Name: "reasoner", Parameters: 1_844_928, Bytes: 1_970_000, BitsPerWeight: 8.5, ExactMatch: NewRate(194, 200), Perplexity: ptr(1.02), DecodeTokensPS: ptr(5200.0)},
		{Role: Untouched, Name: "student", Parameters: 221_664, Bytes: 886_656, BitsPerWeight: 32, ExactMatch: NewRate(0, 200), Perplexity: ptr(391.0), KLToTeacher: ptr(5.9)},
		{Role: Control, Name: "answers only", Parameters: 221_664, ExactMatch: NewRate(27, 200), Perplexity: ptr(9.1), KLToTeacher: ptr(2.2)},
		{Role: Student, Name: "student", Parameters: 221_664, Bytes: 886_656, BitsPerWeight: 32, ExactMatch: NewRate(181, 200), Perplexity: ptr(1.08), KLToTeacher: ptr(0.05), TopOneAgreement: ptr(0.981)},
		{Role: Export, Format: "Q4_0", File: "export/student-q4_0.gguf", Parameters: 221_664, Bytes: 150_000, BitsPerWeight: 4.5, ExactMatch: NewRate(178, 200), DecodeTokensPS: ptr(21000.0)},
	}
	r := &Report{
		Name: "quickstart", Created: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Program: "distill 0.1", Seed: 1,
		Machine: Machine{OS: "linux", Arch: "amd64", CPU: "a processor", Threads: 2, Kernel: "avx512"},
		Models:  models, Verdict: Judge(models, []Gate{{"exact match at least 0.8", true, "0.905"}}),
		Dataset: Dataset{Teacher: "reasoner", Signal: "topk 8", Prompts: 5000, Heldout: 200, Rows: 4800, Kept: 4650,
			Dropped: map[string]int{"wrong answer": 150}, PassRate: NewRate(4650, 4800), PromptTokens: 160_000, CompletionTokens: 110_000,
			LengthHistogram: []Bin{{0, 10, 400}, {10, 20, 2200}, {20, 30, 1700}, {30, 40, 500}}, Bytes: 4_000_000, CostUSD: ptr(0.21), Spent: []Spent{{0, 1, 0.0001}, {60, 2400, 0.1}, {180, 4800, 0.21}}},
		Stages:   []Stage{{Name: "generate", State: "done", Seconds: 41, Calls: 4800, Tokens: 110_000, CostUSD: ptr(0.0)}, {Name: "train", State: "done", Seconds: 185}},
		Samples:  []Sample{{Kind: SampleWrong, Prompt: "Tom has <b>3</b> apples & buys 4.\nHow many?", Reference: "7", Teacher: "3+4=7", Student: "3+4=8", TeacherRight: ptr(true), StudentRight: ptr(false), MeanNats: ptr(0.2)}},
		Commands: []string{"distill run quickstart"}, Recipe: "name: quickstart\n",
	}
	for i := range 120 {
		t := float64(i) / 120
		p := Point{Step: i, Tokens: int64(i) * 30_000, Loss: 0.1 + 3*math.Exp(-5*t), LearningRate: 2e-3 * (1 - t), GradNorm: 1 + t, TokensPerS: 52_000 + 900*math.Sin(40*t), Divergence: ptr(math.Exp(-4 * t))}
		if i%20 == 0 {
			p.HeldoutLoss = ptr(0.15 + 3*math.Exp(-5*t))
		}
		r.Training.Curve = append(r.Training.Curve, p)
	}
	r.Training.Steps, r.Training.Tokens, r.Training.FirstLoss, r.Training.FinalLoss = 120, 3_600_000, 3.1, 0.12
	r.Training.Optimizer, r.Training.Precision, r.Training.Loss, r.Training.TokensPerS = "muon", "bf16", "cross-entropy", 52_000
	return r
}

func TestWriteRead(t *testing.T) {
	dir, want := t.TempDir(), sample()
	if err := Write(dir, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, ".*")); len(files) > 0 {
		t.Errorf("left behind: %v", files)
	}
}

// TestPageIsWhole parses the page's SVG as XML and checks that nothing is fetched and that text was escaped.
func TestPageIsWhole(t *testing.T) {
	var b bytes.Buffer
	if err := HTML(&b, sample()); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	for _, fetch := range []string{"src=", "href=\"http", "@import", "<script", "url("} {
		if strings.Contains(html, fetch) {
			t.Errorf("the page has %q", fetch)
		}
	}
	if strings.Contains(html, "<b>3</b>") || !strings.Contains(html, "&lt;b&gt;3&lt;/b&gt;") {
		t.Error("text of a prompt was not escaped")
	}
	svgs := 0
	for rest := html; ; svgs++ {
		start := strings.Index(rest, "<svg")
		if start < 0 {
			break
		}
		end := start + strings.Index(rest[start:], "</svg>") + len("</svg>")
		for dec := xml.NewDecoder(strings.NewReader(rest[start:end])); ; {
			if _, err := dec.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("figure %d is no XML: %v", svgs, err)
			}
		}
		rest = rest[end:]
	}
	if svgs != 9 {
		t.Errorf("%d figures, want 9", svgs)
	}
}

// TestPageInChromium opens the page as a person would and reads what it shows.
func TestPageInChromium(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is absent: the page was not opened in a browser")
	}
	dir := t.TempDir()
	if err := Write(dir, sample()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--dump-dom", "file://"+filepath.Join(dir, HTMLFile)).Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	for _, want := range []string{"Better than before", "90.5 %", "Q4_0", "nats a token", "distill run quickstart"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the browser does not show %q", want)
		}
	}
}

// TestWilson compares with the worked example of Newcombe 1998 (Statistics in Medicine 17:857, table I): 81 of 263.
func TestWilson(t *testing.T) {
	r := NewRate(81, 263)
	if math.Abs(r.Low-0.2553) > 5e-5 || math.Abs(r.High-0.3662) > 5e-5 {
		t.Errorf("81 of 263: %.4f to %.4f, want 0.2553 to 0.3662", r.Low, r.High)
	}
	if r := NewRate(0, 20); r.Low != 0 || math.Abs(r.High-0.1611) > 5e-5 {
		t.Errorf("0 of 20: %.4f to %.4f, want 0 to 0.1611", r.Low, r.High)
	}
	if NewRate(0, 0) != nil {
		t.Error("a rate of nothing")
	}
}

func TestJudge(t *testing.T) {
	exact := func(role Role, passed int) Model { return Model{Role: role, ExactMatch: NewRate(passed, 100)} }
	kl := func(role Role, v float64) Model { return Model{Role: role, KLToTeacher: &v} }
	for _, c := range []struct {
		name   string
		models []Model
		want   Outcome
	}{
		{"clearly better", []Model{exact(Untouched, 10), exact(Student, 80)}, Better},
		{"clearly worse", []Model{exact(Untouched, 80), exact(Student, 10)}, Worse},
		{"intervals overlap", []Model{exact(Untouched, 50), exact(Student, 52)}, Unclear},
		{"only KL", []Model{kl(Untouched, 2), kl(Student, 0.5)}, Better},
		{"KL rose", []Model{kl(Untouched, 0.5), kl(Student, 2)}, Worse},
		{"no baseline", []Model{exact(Student, 80)}, Unknown},
		{"nothing", nil, Unknown},
	} {
		if got := Judge(c.models, nil); got.Outcome != c.want {
			t.Errorf("%s: %s, want %s (%s)", c.name, got.Outcome, c.want, got.Sentence)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, content := range []string{"", "[]", `{"version": 99}`} {
		if err := os.WriteFile(filepath.Join(dir, JSONFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(dir); err == nil || !strings.Contains(err.Error(), JSONFile) {
			t.Errorf("%q: error %v does not name the file", content, err)
		}
	}
}

func TestDollars(t *testing.T) {
	for x, want := range map[float64]string{0: "$0.00", 0.000123: "$0.00012", 0.0099: "$0.0099", 0.01: "$0.01", 12.345: "$12.35", 0.00999: "$0.0100"} {
		if got := Dollars(x); got != want {
			t.Errorf("%v is %s, not %s", x, got, want)
		}
	}
}
