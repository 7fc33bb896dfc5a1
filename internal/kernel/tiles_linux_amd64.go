//go:build !purego

package kernel

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// Numbers of arch_prctl, from the kernel's asm/prctl.h and Documentation/arch/x86/xstate.rst.
const (
	archGetXcompSupp = 0x1021
	archReqXcompPerm = 0x1023
	xtileData        = 18
)

// Tiles reports whether this process may use AMX tiles: the processor has them and the system gave leave.
func Tiles() bool { return requestTiles() }

// requestTiles reports whether bf16 tiles exist, asking the kernel for leave to use their state. The
// leave is for the whole process, threads that already run included; the first tile instruction
// without it would be fatal.
func requestTiles() bool {
	if !cpu.X86.HasAMXTile || !cpu.X86.HasAMXBF16 || !cpu.X86.HasAVX512BF16 {
		return false
	}
	var supported uint64
	if _, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archGetXcompSupp, uintptr(unsafe.Pointer(&supported)), 0); errno != 0 || supported>>xtileData&1 == 0 {
		return false
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_ARCH_PRCTL, archReqXcompPerm, xtileData, 0)
	return errno == 0
}
