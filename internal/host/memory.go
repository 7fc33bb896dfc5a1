package host

import (
	"os"
	"strconv"
	"strings"
)

// Memory returns the bytes of memory that the machine has.
func Memory() int64 { return bytesIn("/proc/meminfo", "MemTotal") }

// AvailableMemory returns how many bytes can still be allocated without swapping, or before a container's limit.
func AvailableMemory() int64 {
	free := bytesIn("/proc/meminfo", "MemAvailable")
	most, err := strconv.ParseInt(wordIn("/sys/fs/cgroup/memory.max"), 10, 64)
	if err != nil { // "max", or no such file
		return free
	}
	used, _ := strconv.ParseInt(wordIn("/sys/fs/cgroup/memory.current"), 10, 64)
	if free == 0 || most-used < free {
		free = max(1, most-used)
	}
	return free
}

func wordIn(path string) string {
	data, _ := os.ReadFile(path)
	return strings.TrimSpace(string(data))
}

// PeakMemory returns the most bytes that this process had resident, since it began or since ResetPeakMemory.
func PeakMemory() int64 { return bytesIn("/proc/self/status", "VmHWM") }

// ResetPeakMemory lets PeakMemory begin anew, and returns the bytes that are resident now; 0 where it could not.
func ResetPeakMemory() int64 {
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		return 0
	}
	return bytesIn("/proc/self/status", "VmRSS")
}
