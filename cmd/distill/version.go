package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/host"
)

// version is set when a release is built: -ldflags "-X main.version=v1.2.3".
var version = "dev"

// programVersion returns the release, or for other builds "dev" with the commit where the build knows it.
func programVersion() string {
	info, ok := debug.ReadBuildInfo()
	if version != "dev" || !ok {
		return version
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return version + "-" + s.Value[:12]
		}
	}
	return version
}

// about is the program and the machine it runs on.
type about struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Kernel  string `json:"kernel"`
	CPU     string `json:"cpu"`
	Threads int    `json:"threads"`
	Memory  int64  `json:"memory_bytes,omitempty"` // 0 where the system does not tell
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version, the platform and the kernels in use",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "json", DisableDefaultText: true, Usage: "print as JSON"}},
		Action: func(c *cli.Context) error {
			if _, err := arguments(c, 0, 0); err != nil {
				return err
			}
			a := about{programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, kernelName(), host.Name(), runtime.GOMAXPROCS(0), host.Memory()}
			if c.Bool("json") {
				return json.NewEncoder(c.App.Writer).Encode(a)
			}
			_, err := fmt.Fprintf(c.App.Writer, "distill %s %s/%s %s, %s kernels\n", a.Version, a.OS, a.Arch, a.Go, a.Kernel)
			return err
		},
	}
}
