package main

import (
	"bufio"
	"os"
	"runtime"
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

// cpuName returns the processor's name where the system tells it, else the architecture's.
func cpuName() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, ok := strings.Cut(lines.Text(), ":")
		if key = strings.TrimSpace(key); ok && (key == "model name" || key == "Model") {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
