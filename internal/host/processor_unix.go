//go:build unix

package host

import (
	"syscall"
	"time"
)

// ProcessorTime returns what this process has used of all processors so far.
func ProcessorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano()) + time.Duration(u.Stime.Nano())
}
