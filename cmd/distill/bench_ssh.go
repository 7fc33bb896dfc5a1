package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/device"
	"github.com/seed-d24fde5f/distill/internal/hint"
	"github.com/seed-d24fde5f/distill/internal/recipe"
	"github.com/seed-d24fde5f/distill/internal/ssh"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

// benchFolder is where program and model lie on the other machine, below its home.
const benchFolder = ".cache/distill-bench"

// elsewhere is another machine with a program of ours on it.
type elsewhere struct {
	*ssh.Host
	screen  *console
	program string // its path there
}

// benchElsewhere measures a model on another machine, and puts the figures where they are looked for.
func benchElsewhere(c *cli.Context, model string, b benchmark) error {
	if info, err := os.Stat(model); err != nil || !info.Mode().IsRegular() {
		return usage(fmt.Sprintf("--ssh: %s is no GGUF file", model), "distill model convert writes one")
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	host, err := ssh.Dial(c.Context, c.String("ssh"))
	if refused := (*ssh.Error)(nil); errors.As(err, &refused) {
		return &hint.Error{Hint: "ssh " + c.String("ssh") + " true shows what is wrong", Err: err}
	}
	if err != nil {
		return err
	}
	defer host.Close()
	there := &elsewhere{Host: host, screen: screen}
	if !c.Bool("keep") {
		defer there.clean()
	}
	if err := there.putProgram(c.Context, c.String("binary")); err != nil {
		return err
	}
	file := path.Join(benchFolder, filepath.Base(model))
	if err := there.put(c.Context, model, file); err != nil {
		return err
	}
	at, err := there.describe(c.Context)
	if err != nil {
		return err
	}
	screen.log.Info("measuring", "on", at.CPU, "threads", at.Threads, "kernels", at.Kernel)
	speeds, err := there.bench(c.Context, file, b)
	if err != nil {
		return err
	}
	screen.stop()
	if err := printSpeeds(c.App.Writer, speeds, c.Bool("json")); err != nil {
		return err
	}
	return keepSpeeds(c, model, at, speeds)
}

// put copies a file there unless it is there.
func (e *elsewhere) put(ctx context.Context, local, remote string) error {
	info, err := os.Stat(local)
	if err != nil {
		return err
	}
	const kilo = 1000
	meter := e.screen.board.Start("copy "+filepath.Base(local), "kB", info.Size()/kilo, 0)
	defer meter.Stop()
	rest := 0
	copied, err := e.Put(ctx, local, remote, func(n int) {
		rest += n
		meter.Add(int64(rest / kilo))
		rest %= kilo
	})
	if err == nil && !copied {
		e.screen.log.Info("there already", "file", filepath.Base(local))
	}
	return err
}

// clean removes what this call and those with --keep before it copied, also after an interruption.
func (e *elsewhere) clean() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := e.Output(ctx, "rm -rf "+benchFolder); err != nil {
		e.screen.log.Warn("what was copied could not be removed", "folder", benchFolder, "error", err)
	}
}

// describe asks the program there about its machine, which also shows whether it runs.
func (e *elsewhere) describe(ctx context.Context) (about, error) {
	var a about
	out, err := e.Output(ctx, e.program+" version --json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &a)
	}
	if err != nil {
		return a, hint.Errorf("--binary FILE gives another one", "the program does not run there: %v", err)
	}
	return a, nil
}

func (e *elsewhere) bench(ctx context.Context, file string, b benchmark) ([]workbench.Speed, error) {
	words := []string{e.program, "bench", ssh.Quote(file), "--json", "-p", strconv.Itoa(b.prefill), "-n", strconv.Itoa(b.decode), "--repeat", strconv.Itoa(b.repeat)}
	if b.threads != "" {
		words = append(words, "--threads", ssh.Quote(b.threads))
	}
	out, err := e.Output(ctx, strings.Join(words, " "))
	if err != nil {
		return nil, err
	}
	var speeds []workbench.Speed
	if err := json.Unmarshal([]byte(out), &speeds); err != nil || len(speeds) == 0 {
		return nil, fmt.Errorf("bench: what the program there printed is no list of measurements: %w", err)
	}
	return speeds, nil
}

// keepSpeeds puts the fastest of the measurements into the report of the run that the model is of, and where plans see it.
func keepSpeeds(c *cli.Context, model string, at about, speeds []workbench.Speed) error {
	sum, err := recipe.SumOf(model)
	if err != nil {
		return err
	}
	best := speeds[0]
	for _, s := range speeds {
		if s.DecodeTokensPerS > best.DecodeTokensPerS {
			best = s
		}
	}
	found := []device.Measurement{{Device: at.CPU, Memory: at.Memory, File: filepath.Base(model), Sum: sum, When: time.Now().UTC().Truncate(time.Second),
		Program: "distill " + at.Version, Speed: best}}
	if file, err := measurementsFile(); err != nil {
		fmt.Fprintf(c.App.ErrWriter, "plans will not know of this: %v\n", err)
	} else if err := device.Keep(file, found); err != nil {
		return err
	}
	dir := recipe.RunOf(c.Args().First())
	if dir == "" {
		return nil
	}
	reported, err := recipe.AddMeasurements(dir, found)
	if reported {
		fmt.Fprintf(c.App.ErrWriter, "the report of %s has it\n", dir)
	}
	return err
}

// measurementsFile is where measurements on other machines are kept for later plans.
func measurementsFile() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "distill", "devices.json"), err
}
