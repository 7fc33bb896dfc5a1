package host

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestName(t *testing.T) {
	if Name() == "" {
		t.Error("the machine has no name")
	}
}

// TestFiguresHoldTogether: what Linux tells is within the bounds that the figures set each other.
func TestFiguresHoldTogether(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems tell nothing")
	}
	all, free := Memory(), AvailableMemory()
	if all < 64<<20 || free <= 0 || free > all {
		t.Errorf("%d of %d bytes of memory available", free, all)
	}
	if n := PeakMemory(); n != 0 && n < 1<<20 || n > all { // not every kernel keeps the peak
		t.Errorf("peak memory %d of %d bytes", n, all)
	}
	here := FreeDisk(t.TempDir())
	if deep := FreeDisk(filepath.Join(t.TempDir(), "not", "there", "yet")); here <= 0 || deep <= 0 {
		t.Errorf("%d bytes free, %d where the folder is still to be made", here, deep)
	}
}

// TestPeakMemory: what was touched counts, and is forgotten once it is given back.
func TestPeakMemory(t *testing.T) {
	if ResetPeakMemory() == 0 || PeakMemory() == 0 {
		t.Skip("the system does not keep a peak that a process can reset")
	}
	const size = 64 << 20
	touched := make([]byte, size)
	for i := 0; i < size; i += os.Getpagesize() {
		touched[i] = 1
	}
	peak := PeakMemory()
	runtime.KeepAlive(touched)
	if peak < size/2 {
		t.Errorf("%d MB touched, the peak is %d", size>>20, peak>>20)
	}
	debug.FreeOSMemory()
	ResetPeakMemory()
	if after := PeakMemory(); after > peak-size/4 {
		t.Errorf("a peak of %d MB is %d when it was forgotten", peak>>20, after>>20)
	}
}

// TestProcessorTime: work takes time of the processors, however coarsely the system counts it.
func TestProcessorTime(t *testing.T) {
	began := ProcessorTime()
	if began == 0 {
		t.Skip("the system does not tell")
	}
	for end := time.Now().Add(time.Minute); ProcessorTime() == began; {
		if time.Now().After(end) {
			t.Fatal("a minute of work took no time")
		}
	}
	if used := ProcessorTime() - began; used < 0 {
		t.Errorf("the work took %v", used)
	}
}

func TestLinesOfProc(t *testing.T) {
	path := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(path, []byte("Name:\tdistill\nVmHWM:\t    2048 kB\nno colon\nModel\t: Pi: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := valueIn(path, "Model"); got != "Pi: 5" {
		t.Errorf("a value with a colon: %q", got)
	}
	if got := bytesIn(path, "VmHWM"); got != 2<<20 {
		t.Errorf("2048 kB are %d bytes", got)
	}
	if got := bytesIn(path, "VmRSS") + bytesIn(path, "Name") + bytesIn(path+"x", "VmHWM"); got != 0 {
		t.Errorf("what is not there has %d bytes", got)
	}
}
