package main

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

var devices = flag.Bool("devices", false, "build for every Raspberry Pi and answer a question there, under emulation (make devices)")

// TestFirstAnswer goes the way of docs/raspberry-pi.md on emulated processors: unpack a release's archive, quantize a model,
// get the first answer, measure. It builds the program twice, which takes minutes, so it is asked for by a flag.
func TestFirstAnswer(t *testing.T) {
	if !*devices {
		t.Skip("make devices runs this")
	}
	for platform, emulator := range map[string]string{"linux/arm64": "qemu-aarch64-static", "linux/arm/7": "qemu-arm-static"} {
		t.Run(platform, func(t *testing.T) {
			if _, err := exec.LookPath(emulator); err != nil {
				t.Skipf("%s is absent", emulator)
			}
			t.Chdir(fixture.Root())
			out := t.TempDir()
			if err := release("v1.2.3", out, []string{platform}, build); err != nil {
				t.Fatal(err)
			}
			archives, err := filepath.Glob(filepath.Join(out, "*.tar.gz"))
			if err != nil || len(archives) != 1 {
				t.Fatalf("archives %v, %v", archives, err)
			}
			t.Chdir(out)
			data, err := os.ReadFile(archives[0])
			if err != nil {
				t.Fatal(err)
			}
			folder := strings.TrimSuffix(filepath.Base(archives[0]), ".tar.gz")
			program, _ := unpack(t, folder, data, folder+"/distill")
			if err := os.WriteFile("distill", []byte(program), 0o755); err != nil {
				t.Fatal(err)
			}
			there := func(input string, args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), emulator, append([]string{"./distill"}, args...)...)
				cmd.Stdin = strings.NewReader(input)
				said, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %v\n%s", args, err, said)
				}
				return string(said)
			}
			if said := there("", "version"); !strings.HasPrefix(said, "distill v1.2.3 linux/arm") {
				t.Errorf("version: %s", said)
			}
			there("", "model", "quantize", "builtin:reasoner", "student-q4_0.gguf", "--type", "q4_0")
			const question = "Tom has 34 apples. He buys 24 more. How many apples does he have?\n"
			if said := there(question, "chat", "student-q4_0.gguf"); !strings.HasSuffix(said, "58\n") {
				t.Errorf("it answered %q", said)
			}
			if said := there("", "bench", "student-q4_0.gguf", "-p", "8", "-n", "4", "--repeat", "1", "--json"); !strings.Contains(said, `"decode_tokens_per_s"`) {
				t.Errorf("bench: %s", said)
			}
		})
	}
}
