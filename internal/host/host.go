// Package host asks the operating system about the machine and the process: what the machine is called, how much memory and
// disk is left, what the process has used of them. Whatever the system does not tell is 0, or the most general answer that
// is true; nothing here fails.
package host

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Name returns the name of the machine where it is a small board that knows it, such as Raspberry Pi 5 Model B Rev 1.0,
// else the processor's where the system tells it, else the architecture's.
func Name() string {
	if board, err := os.ReadFile("/proc/device-tree/model"); err == nil && len(board) > 1 {
		return strings.TrimRight(string(board), "\x00\n")
	}
	for _, key := range []string{"model name", "Model"} {
		if name := valueIn("/proc/cpuinfo", key); name != "" {
			return name
		}
	}
	return runtime.GOARCH
}

// valueIn returns what stands after a key and a colon in a file of /proc, "" where there is no such line or file.
func valueIn(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// bytesIn is valueIn of a size in kB, in bytes.
func bytesIn(path, key string) int64 {
	kib, _ := strconv.ParseInt(strings.TrimSuffix(valueIn(path, key), " kB"), 10, 64)
	return kib << 10
}
