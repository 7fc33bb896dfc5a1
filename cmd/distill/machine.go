package main

import (
	"runtime"

	"github.com/seed-d24fde5f/distill/internal/host"
	"github.com/seed-d24fde5f/distill/internal/kernel"
	"github.com/seed-d24fde5f/distill/internal/report"
)

// machine describes where the program runs.
func machine(threads int) report.Machine {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return report.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: host.Name(), Threads: threads, Kernel: kernelName()}
}

func kernelName() string { return kernel.Implementation() }
