package ssh

import (
	"context"
	"fmt"
	"strings"
)

// Platform is what programs are built for, in Go's words.
type Platform struct {
	OS   string // GOOS
	Arch string // GOARCH
	ARM  string // GOARM, of 32-bit Arm
}

// String writes a platform as releases name it, such as linux-arm64 or linux-armv7.
func (p Platform) String() string {
	if p.ARM != "" {
		return p.OS + "-" + p.Arch + "v" + p.ARM
	}
	return p.OS + "-" + p.Arch
}

// machines are what uname -m prints. A Raspberry Pi with a 32-bit system on a 64-bit kernel says aarch64, and runs static
// 64-bit programs.
var machines = map[string]Platform{
	"x86_64": {Arch: "amd64"}, "amd64": {Arch: "amd64"}, "aarch64": {Arch: "arm64"}, "arm64": {Arch: "arm64"},
	"armv8l": {Arch: "arm", ARM: "7"}, "armv7l": {Arch: "arm", ARM: "7"}, "armv6l": {Arch: "arm", ARM: "6"},
	"riscv64": {Arch: "riscv64"}, "loongarch64": {Arch: "loong64"}, "ppc64le": {Arch: "ppc64le"}, "s390x": {Arch: "s390x"},
}

// Platform asks what the machine is.
func (h *Host) Platform(ctx context.Context) (Platform, error) {
	out, err := h.Output(ctx, "uname -s -m")
	if err != nil {
		return Platform{}, err
	}
	return platformOf(out)
}

func platformOf(uname string) (Platform, error) {
	system, machine, _ := strings.Cut(strings.TrimSpace(uname), " ")
	p, known := machines[machine]
	switch system {
	case "Linux", "Darwin", "FreeBSD", "NetBSD", "OpenBSD":
		p.OS = strings.ToLower(system)
	default:
		known = false
	}
	if !known {
		return Platform{}, fmt.Errorf("ssh: %q is no machine that programs are known to be built for", strings.TrimSpace(uname))
	}
	return p, nil
}
