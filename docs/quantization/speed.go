package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/workbench"
)

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

// rates are tokens per second: of a prompt, of single tokens from nothing, and of single tokens after the prompt.
type rates [3]float64

// runSpeed prints the rates of every engine for every file.
func runSpeed(oracle string, threads int, files []string) error {
	dir, err := os.MkdirTemp("", "speed-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	library := llamaIn(oracle)
	program, err := library.compile(dir, "speed.c", llamaSpeed)
	if err != nil {
		return err
	}
	fmt.Printf("| file, %d threads |", threads)
	for _, e := range engines {
		fmt.Printf(" %s |", e.name)
	}
	fmt.Printf("\n| --- |%s\n", strings.Repeat(" ---: |", len(engines)))
	for _, file := range files {
		best := make([]rates, len(engines))
		for range speedTurns {
			for i, e := range engines {
				r, err := e.measure(dir, program, library, file, threads)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", file, e.name, err)
				}
				for j := range r {
					best[i][j] = max(best[i][j], r[j])
				}
			}
		}
		fmt.Printf("| %s |", strings.TrimSuffix(filepath.Base(file), ".gguf"))
		for _, b := range best {
			fmt.Printf(" %.0f · %.0f · %.0f |", b[0], b[1], b[2])
		}
		fmt.Println()
	}
	return nil
}

// measure gives one engine its turn.
func (e engine) measure(dir, program string, library llama, file string, threads int) (r rates, err error) {
	if e.backend == "" {
		return e.measureOurs(file, threads)
	}
	alone := filepath.Join(dir, e.backend) // llama.cpp takes the best library of a folder: it gets one
	backend := "libggml-cpu-" + e.backend + ".so"
	if err := os.MkdirAll(alone, 0o755); err != nil {
		return r, err
	}
	if err := os.Symlink(filepath.Join(library.libraries, backend), filepath.Join(alone, backend)); err != nil && !os.IsExist(err) {
		return r, err
	}
	arguments := []string{file, fmt.Sprint(threads), fmt.Sprint(speedPrefill), fmt.Sprint(speedDecode), fmt.Sprint(speedRepeat)}
	err = library.ask(program, alone, arguments, &r[0], &r[1], &r[2])
	return r, err
}

// measureOurs runs this program again, as a process that takes the engine's instruction set.
func (e engine) measureOurs(file string, threads int) (r rates, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, err
	}
	c := exec.Command(self, "-ours", file, "-threads", fmt.Sprint(threads))
	c.Env = append(os.Environ(), "DISTILL_KERNEL="+e.kernel)
	out, err := c.Output()
	if err != nil {
		return r, err
	}
	_, err = fmt.Sscan(string(out), &r[0], &r[1], &r[2])
	return r, err
}

// printOurs measures this process's own engine, for a turn.
func printOurs(file string, threads int) error {
	var single [2]workbench.Speed
	for i, prompt := range []int{1, speedPrefill} {
		o := workbench.SpeedOptions{Threads: threads, Prefill: prompt, Decode: speedDecode, Repeat: speedRepeat + 1}
		s, err := workbench.MeasureSpeed(context.Background(), file, o)
		if err != nil {
			return err
		}
		single[i] = s
	}
	fmt.Printf("%.1f %.1f %.1f\n", single[1].PrefillTokensPerS, single[0].DecodeTokensPerS, single[1].DecodeTokensPerS)
	return nil
}
