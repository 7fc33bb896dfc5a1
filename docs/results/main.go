// Command results makes docs/results.md: what distillation gains, measured with three seeds an arm.
//
//	go run ./docs/results -dir DIR [-seeds 3] [-study NAME] [-stories MODEL.gguf]
//
// A study is a recipe and the ways it is varied; each variation (an arm) runs with several seeds through the same
// program a user runs, and only its report.json is read. A difference between arms is called one only where it is larger
// than what the seeds spread. Finished runs are not repeated, so the command can be stopped and started again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/report"
)

func main() {
	dir := flag.String("dir", "runs/results", "folder of the runs")
	seeds := flag.Int("seeds", 3, "seeds an arm")
	only := flag.String("study", "", "run this study alone")
	stories := flag.String("stories", "", "GGUF file of the story-writing teacher; its studies are left out without it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, *seeds, *only, *stories); err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir string, seeds int, only, stories string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	program := filepath.Join(dir, "distill")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/distill").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	var page strings.Builder
	page.WriteString(introduction)
	for _, s := range studies(stories) {
		if only == "" || only == s.name {
			if err := s.run(ctx, program, dir, seeds); err != nil {
				return err
			}
		}
		results, err := s.read(dir, seeds)
		if err != nil {
			return err
		}
		if len(results) > 0 {
			s.write(&page, results)
		}
	}
	return os.WriteFile(filepath.Join("docs", "results.md"), []byte(page.String()), 0o644)
}

// run carries out every arm with every seed. One run that fails ends the study.
func (s *study) run(ctx context.Context, program, dir string, seeds int) error {
	for _, a := range s.arms {
		for seed := 1; seed <= seeds; seed++ {
			args := []string{"run", s.recipe, "--dir", s.runDir(dir, a, seed), "--set", fmt.Sprintf("seed=%d", seed), "--quiet"}
			for _, set := range append(append([]string(nil), s.sets...), a.sets...) {
				args = append(args, "--set", set)
			}
			fmt.Fprintf(os.Stderr, "%s %s seed %d\n", s.name, a.name, seed)
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if errors.As(err, &exit) && exit.ExitCode() == gateFailed {
				continue // a result like any other
			}
			if err != nil {
				return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
			}
		}
	}
	return nil
}

// gateFailed is the program's exit code for a finished run whose gate failed.
const gateFailed = 5

func (s *study) runDir(dir string, a arm, seed int) string {
	return filepath.Join(dir, s.name, fmt.Sprintf("%s-%d", strings.ReplaceAll(a.name, " ", "-"), seed))
}

// result is what the seeds of an arm measured.
type result struct {
	arm
	reports []*report.Report
}

// read collects the reports of the runs that are there.
func (s *study) read(dir string, seeds int) ([]result, error) {
	var results []result
	for _, a := range s.arms {
		r := result{arm: a}
		for seed := 1; seed <= seeds; seed++ {
			rep, err := report.Read(s.runDir(dir, a, seed))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			r.reports = append(r.reports, rep)
		}
		if len(r.reports) > 0 {
			results = append(results, r)
		}
	}
	return results, nil
}
