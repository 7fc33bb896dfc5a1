package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/seed-d24fde5f/distill/internal/ssh"
)

const (
	modulePath  = "github.com/seed-d24fde5f/distill"
	programPath = modulePath + "/cmd/distill"
)

// putProgram copies a program for the machine there, into a folder named for the platform.
func (e *elsewhere) putProgram(ctx context.Context, given string) error {
	platform, err := e.Platform(ctx)
	if err != nil {
		return err
	}
	e.screen.log.Info("connected", "platform", platform)
	dir, err := os.MkdirTemp("", "distill-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	local, err := findProgram(ctx, platform, given, dir)
	if err != nil {
		return err
	}
	e.program = path.Join(benchFolder, platform.String(), "distill")
	return e.put(ctx, local, e.program)
}

// findProgram returns a static program for a platform: the one given, this one where it fits, one beside it (a release's
// archive of that platform, unpacked there or beside this one's folder, or distill-PLATFORM), or one built in dir from the checkout that the working directory is in.
func findProgram(ctx context.Context, p ssh.Platform, given, dir string) (string, error) {
	if given != "" {
		return given, fits(given, p)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if fits(self, p) == nil {
		return self, nil
	}
	for _, place := range []string{"distill-" + p.String(), "distill-*-" + p.String() + "/distill", "../distill-*-" + p.String() + "/distill"} {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(self), place))
		if err != nil {
			return "", err
		}
		for _, beside := range found {
			if fits(beside, p) == nil {
				return beside, nil
			}
		}
	}
	if out, err := exec.CommandContext(ctx, "go", "list", "-m").Output(); err == nil && strings.TrimSpace(string(out)) == modulePath {
		built := filepath.Join(dir, "distill")
		build := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w -X main.version="+programVersion(), "-o", built, programPath)
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch, "GOARM="+p.ARM)
		if out, err := build.CombinedOutput(); err != nil {
			return "", fmt.Errorf("building for %s: %w: %s", p, err, out)
		}
		return built, nil
	}
	return "", usage(fmt.Sprintf("there is no program for %s here", p),
		fmt.Sprintf("unpack a release's distill-…-%s beside %s, or give the program with --binary", p, self))
}

// fits reports why a file is no static build of this program for a platform, nil when it is one.
func fits(file string, p ssh.Platform) error {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return usage(fmt.Sprintf("%s is no build of distill: %v", file, err), "--binary takes the program out of a release's archive for that machine")
	}
	is := ssh.Platform{OS: setting(info, "GOOS"), Arch: setting(info, "GOARCH"), ARM: setting(info, "GOARM")}
	is.ARM, _, _ = strings.Cut(is.ARM, ",") // 7,hardfloat
	older := is.Arch == "arm" && p.Arch == "arm" && is.ARM <= p.ARM
	switch {
	case is.OS != p.OS || is.Arch != p.Arch || is.ARM != p.ARM && !older:
		return usage(fmt.Sprintf("%s is for %s, the machine is %s", file, is, p), "--binary takes the program out of a release's archive for "+p.String())
	case setting(info, "CGO_ENABLED") != "0":
		return usage(file+" may need libraries that the machine lacks", "build it with CGO_ENABLED=0")
	}
	return nil
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}
