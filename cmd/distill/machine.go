package main

import (
	"bufio"
	"iter"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// machine describes where the program runs.
func machine(threads int) report.Machine {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return report.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuName(), Threads: threads, Kernel: kernelName()}
}

func kernelName() string { return kernel.Implementation() }

// cpuName returns the name of the machine where it is a small board that knows it, such as Raspberry Pi 5 Model B Rev 1.0,
// else the processor's where the system tells it, else the architecture's.
func cpuName() string {
	if board, err := os.ReadFile("/proc/device-tree/model"); err == nil && len(board) > 1 {
		return strings.TrimRight(string(board), "\x00\n")
	}
	for key, value := range procLines("/proc/cpuinfo") {
		if key == "model name" || key == "Model" {
			return value
		}
	}
	return runtime.GOARCH
}

// memoryBytes returns the machine's memory, 0 where the system does not tell.
func memoryBytes() int64 {
	for key, value := range procLines("/proc/meminfo") {
		if key == "MemTotal" {
			kib, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// procLines yields the keys and values of a file of /proc, none where there is no such file.
func procLines(path string) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		f, err := os.Open(path)
		if err != nil {
			return
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			key, value, ok := strings.Cut(lines.Text(), ":")
			if ok && !yield(strings.TrimSpace(key), strings.TrimSpace(value)) {
				return
			}
		}
	}
}
