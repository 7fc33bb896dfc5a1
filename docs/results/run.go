package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed-d24fde5f/distill/internal/report"
)

// gateFailed is the program's exit code for a finished run whose gate failed: a result like any other.
const gateFailed = 5

// run carries out every arm with every seed: datasets first, then the arms at equal tokens, then those at equal time,
// which need to know what the others took. One run that fails does not keep the others from being done.
func (l *laboratory) run(ctx context.Context, s *study) error {
	var bases, equal, paced []func() error
	seen := map[string]bool{}
	for _, a := range s.arms {
		for seed := 1; seed <= l.seeds; seed++ {
			if base := l.baseDir(s, a, seed); !seen[base] {
				seen[base] = true
				bases = append(bases, func() error { return l.generate(ctx, s, a, seed) })
			}
			once := func() error { return l.once(ctx, s, a, seed) }
			if a.timeOf == "" {
				equal = append(equal, once)
			} else {
				paced = append(paced, once)
			}
		}
	}
	for _, round := range [][]func() error{bases, equal, paced} {
		var group errgroup.Group
		group.SetLimit(l.jobs)
		var mu sync.Mutex
		var failed error
		for _, work := range round {
			group.Go(func() error {
				if err := work(); err != nil {
					mu.Lock()
					defer mu.Unlock()
					failed = errors.Join(failed, err)
				}
				return nil
			})
		}
		if err := errors.Join(group.Wait(), failed, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// generate makes the dataset that arms share.
func (l *laboratory) generate(ctx context.Context, s *study, a arm, seed int) error {
	dir := l.baseDir(s, a, seed)
	if _, err := os.Stat(filepath.Join(dir, "done")); err == nil {
		return nil
	}
	if err := l.call(ctx, s, a, dir, seed, nil, "--until", "generate"); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "done"), nil, 0o644)
}

// once carries out one arm with one seed, unless it has been. What is kept of it is its report.
func (l *laboratory) once(ctx context.Context, s *study, a arm, seed int) error {
	dir := l.runDir(s, a, seed)
	if _, err := os.Stat(filepath.Join(dir, "report.json")); err == nil {
		return nil
	}
	var more []string
	if a.timeOf != "" {
		tokens, err := l.tokensFor(s, a)
		if err != nil {
			return err
		}
		more = []string{fmt.Sprintf("train.tokens=%d", tokens)}
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(l.baseDir(s, a, seed))); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%s: %s, seed %d\n", s.name, a.name, seed)
	if err := l.call(ctx, s, a, dir, seed, more); err != nil {
		return err
	}
	for _, spent := range []string{"data", "train", "export", "prompts.arrow"} {
		if err := os.RemoveAll(filepath.Join(dir, spent)); err != nil {
			return err
		}
	}
	return nil
}

// call lets the program run the study's recipe as the arm wants it.
func (l *laboratory) call(ctx context.Context, s *study, a arm, dir string, seed int, sets []string, flags ...string) error {
	args := append([]string{"run", s.recipe, "--dir", dir, "--threads", "1", "--quiet"}, flags...)
	for _, set := range slices.Concat([]string{fmt.Sprintf("seed=%d", seed)}, s.setsOf(a), sets) {
		args = append(args, "--set", set)
	}
	cmd := exec.CommandContext(ctx, l.program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == gateFailed || err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
}

// tokensFor returns how many tokens an arm at equal time may read: in the mean over the seeds, training then takes as much
// of the processor as that of the arm whose time it is given. What it takes itself is known from its twin at equal tokens.
func (l *laboratory) tokensFor(s *study, a arm) (int, error) {
	wanted, _, err := l.trainCPU(s, a.timeOf)
	if err != nil {
		return 0, err
	}
	taken, tokens, err := l.trainCPU(s, a.twin)
	if err != nil {
		return 0, err
	}
	return int(float64(tokens) * wanted / taken), nil
}

// trainCPU returns what training took of the processor, and the tokens that it read, in the mean over an arm's seeds.
func (l *laboratory) trainCPU(s *study, name string) (seconds float64, tokens int64, err error) {
	at := slices.IndexFunc(s.arms, func(a arm) bool { return a.name == name })
	if at < 0 {
		return 0, 0, fmt.Errorf("%s has no arm %q", s.name, name)
	}
	for seed := 1; seed <= l.seeds; seed++ {
		rep, err := report.Read(l.runDir(s, s.arms[at], seed))
		if err != nil {
			return 0, 0, err
		}
		cpu, ok := trainSeconds.read(rep)
		if !ok {
			return 0, 0, fmt.Errorf("%s %s: the system does not tell processor time", s.name, name)
		}
		seconds += cpu / float64(l.seeds)
		tokens += rep.Training.Tokens / int64(l.seeds)
	}
	return seconds, tokens, nil
}

func (l *laboratory) runDir(s *study, a arm, seed int) string {
	return filepath.Join(l.dir, s.name, strings.NewReplacer(" ", "-", ",", "", "½", "half").Replace(a.name)+"-"+strconv.Itoa(seed))
}

// baseDir is the folder of the dataset that an arm learns from: one for all arms that ask the same of the teacher.
func (l *laboratory) baseDir(s *study, a arm, seed int) string {
	h := fnv.New32a()
	for _, set := range s.setsOf(a) {
		if strings.HasPrefix(set, "teacher.") || strings.HasPrefix(set, "prompts.") {
			fmt.Fprintln(h, set)
		}
	}
	return filepath.Join(l.dir, s.name, fmt.Sprintf("data-%08x-%d", h.Sum32(), seed))
}

// result is what the seeds of an arm measured.
type result struct {
	arm
	reports []*report.Report
}

// read collects the reports of the runs that are there.
func (l *laboratory) read(s *study) ([]result, error) {
	var results []result
	for _, a := range s.arms {
		r := result{arm: a}
		for seed := 1; seed <= l.seeds; seed++ {
			rep, err := report.Read(l.runDir(s, a, seed))
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
