package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/workbench"
)

//go:embed llama/speed.c
var llamaSpeed []byte

// engine is a program on an instruction set: ours, forced by DISTILL_KERNEL, or llama.cpp with one of its libraries.
type engine struct {
	name    string
	kernel  string // ours; "" is the best there is
	backend string // llama.cpp's libggml-cpu-*.so
}

// engines stand in the order in which they take turns; a column compares the two of an instruction set.
var engines = []engine{
	{name: "ours, AVX2", kernel: "avx2"}, {name: "llama.cpp, AVX2", backend: "haswell"},
	{name: "ours, AVX-512", kernel: "avx512"}, {name: "llama.cpp, AVX-512", backend: "icelake"},
	{name: "ours, AMX", kernel: "amx"}, {name: "llama.cpp, AMX", backend: "sapphirerapids"},
}

// Of a turn: prompt tokens, single tokens, and how often both are done; and turns of every engine, of which the best
// counts, since what else the machine does can only slow one down.
const (
	speedPrefill = 512
	speedDecode  = 64
	speedRepeat  = 2
	speedTurns   = 2
)

// runSpeed prints, for every file, tokens per second of every engine: prompts, then single tokens.
func runSpeed(oracle string, threads int, files []string) error {
	dir, err := os.MkdirTemp("", "speed-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	libraries := filepath.Join(oracle, "node_modules", "@node-llama-cpp", "linux-x64", "bins", "linux-x64")
	program := filepath.Join(dir, "llama_speed")
	if err := compileSpeed(dir, program, oracle, libraries); err != nil {
		return err
	}
	fmt.Printf("| file, %d threads |", threads)
	for _, e := range engines {
		fmt.Printf(" %s |", e.name)
	}
	fmt.Printf("\n| --- |%s\n", strings.Repeat(" ---: |", len(engines)))
	for _, file := range files {
		best := make([][2]float64, len(engines))
		for range speedTurns {
			for i, e := range engines {
				prefill, decode, err := e.measure(dir, program, libraries, file, threads)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", file, e.name, err)
				}
				best[i] = [2]float64{max(best[i][0], prefill), max(best[i][1], decode)}
			}
		}
		fmt.Printf("| %s |", strings.TrimSuffix(filepath.Base(file), ".gguf"))
		for _, b := range best {
			fmt.Printf(" %.0f · %.0f |", b[0], b[1])
		}
		fmt.Println()
	}
	return nil
}

// compileSpeed links llama/speed.c against the libraries and headers that the oracle's setup.sh fetched.
func compileSpeed(dir, program, oracle, libraries string) error {
	source := filepath.Join(dir, "llama_speed.c")
	if err := os.WriteFile(source, llamaSpeed, 0o644); err != nil {
		return err
	}
	args := []string{"-O2", "-o", program, source, "-I" + filepath.Join(oracle, "headers", "include"), "-I" + filepath.Join(oracle, "headers", "ggml", "include")}
	for _, pattern := range []string{"libllama.v*.so", "libggml.v*.so", "libggml-base.so"} {
		found, _ := filepath.Glob(filepath.Join(libraries, pattern))
		args = append(args, found...)
	}
	out, err := exec.Command("cc", append(args, "-Wl,-rpath,"+libraries)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot compile llama/speed.c: %w\n%s", err, out)
	}
	return nil
}

// measure gives one engine its turn.
func (e engine) measure(dir, program, libraries, file string, threads int) (prefill, decode float64, err error) {
	var c *exec.Cmd
	if e.backend == "" {
		self, err := os.Executable()
		if err != nil {
			return 0, 0, err
		}
		c = exec.Command(self, "-ours", file, "-threads", fmt.Sprint(threads))
		c.Env = append(os.Environ(), "DISTILL_KERNEL="+e.kernel)
	} else {
		alone := filepath.Join(dir, e.backend) // llama.cpp takes the best library of a folder: it gets one
		library := "libggml-cpu-" + e.backend + ".so"
		if err := os.MkdirAll(alone, 0o755); err != nil {
			return 0, 0, err
		}
		if err := os.Symlink(filepath.Join(libraries, library), filepath.Join(alone, library)); err != nil && !os.IsExist(err) {
			return 0, 0, err
		}
		c = exec.Command(program, file, fmt.Sprint(threads), fmt.Sprint(speedPrefill), fmt.Sprint(speedDecode), fmt.Sprint(speedRepeat))
		c.Env = append(os.Environ(), "LLAMA_BACKENDS="+alone)
	}
	var failure bytes.Buffer
	c.Stderr = &failure
	out, err := c.Output()
	if err != nil {
		return 0, 0, fmt.Errorf("%w: %s", err, failure.String())
	}
	_, err = fmt.Sscan(string(out), &prefill, &decode)
	return prefill, decode, err
}

// printOurs measures this process's own engine, for a turn.
func printOurs(file string, threads int) error {
	s, err := workbench.MeasureSpeed(context.Background(), file, workbench.SpeedOptions{Threads: threads, Prefill: speedPrefill, Decode: speedDecode, Repeat: speedRepeat + 1})
	if err == nil {
		fmt.Printf("%.1f %.1f\n", s.PrefillTokensPerS, s.DecodeTokensPerS)
	}
	return err
}
