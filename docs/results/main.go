// Command results makes docs/results.md: what distillation gains, measured with three seeds an arm.
//
//	go run ./docs/results -dir DIR [-seeds 3] [-jobs 2] [-study NAME] [-stories MODEL.gguf] [-program FILE]
//
// A study is a recipe and the ways it is varied; each variation (an arm) runs with several seeds through the same
// program a user runs, on one thread, and only its report.json is read. Arms of one seed learn from the same dataset,
// which is generated once. A difference between arms is called one only where it is larger than what the seeds spread.
//
// Arms that are compared at equal time are given tokens by what arms at equal tokens took of the processor: its time, as
// the operating system counts it, hardly depends on what else the machine does. Finished runs are not repeated, so the
// command can be stopped and started again.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	var l laboratory
	flag.StringVar(&l.dir, "dir", "runs/results", "folder of the runs")
	flag.IntVar(&l.seeds, "seeds", 3, "seeds an arm")
	flag.IntVar(&l.jobs, "jobs", 2, "runs at a time, each on one thread")
	flag.StringVar(&l.program, "program", "", "the program to run; built from this repository if empty")
	only := flag.String("study", "", "run this study alone; the page has all whose runs are there")
	stories := flag.String("stories", "", "GGUF file of the story-writing teacher; its studies are left out without it")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := l.work(ctx, *only, studies(*stories)); err != nil {
		fmt.Fprintln(os.Stderr, "results:", err)
		os.Exit(1)
	}
}

// laboratory carries out studies.
type laboratory struct {
	dir, program string
	seeds, jobs  int
}

func (l *laboratory) work(ctx context.Context, only string, all []*study) error {
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	if l.program == "" {
		l.program = filepath.Join(l.dir, "distill")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", l.program, "./cmd/distill").CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	var page strings.Builder
	page.WriteString(introduction)
	var failed error
	for _, s := range all {
		if only == "" || only == s.name {
			failed = errors.Join(failed, l.run(ctx, s))
		}
		results, err := l.read(s)
		if err != nil {
			return errors.Join(failed, err)
		}
		if len(results) > 0 {
			s.write(&page, results)
		}
	}
	return errors.Join(failed, os.WriteFile(filepath.Join("docs", "results.md"), []byte(page.String()), 0o644))
}
