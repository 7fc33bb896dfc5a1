package recipe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// freeBytes returns the room on the disk that holds dir, or will.
func freeBytes(dir string) int64 {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail) * int64(s.Bsize) //nolint:unconvert // Bsize is an int32 on 32-bit machines
}

// availableMemory returns what can be allocated without swapping, or beyond what a container is allowed.
func availableMemory() int64 {
	free := freeMemory()
	most, err := strconv.ParseInt(readWord("/sys/fs/cgroup/memory.max"), 10, 64)
	if err != nil { // "max", or no such file
		return free
	}
	used, _ := strconv.ParseInt(readWord("/sys/fs/cgroup/memory.current"), 10, 64)
	if free == 0 || most-used < free {
		free = max(1, most-used)
	}
	return free
}

func readWord(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

// freeMemory is what the system has left.
func freeMemory() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "MemAvailable:"); ok {
			kib, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10
		}
	}
	return 0
}
