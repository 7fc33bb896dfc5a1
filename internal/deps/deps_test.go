package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const module = "github.com/seed-d24fde5f/distill"

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T, goos, goarch string) []listed {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = filepath.Join(filepath.Dir(file), "..", "..")
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func relative(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// TestPolicy holds every import of the module against policy.txt, as built for a server and for a Raspberry Pi.
func TestPolicy(t *testing.T) {
	policy, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		all := packages(t, "linux", arch)
		if len(all) < 10 {
			t.Fatalf("go list found only %d packages", len(all))
		}
		for _, p := range all {
			from, _ := relative(p.ImportPath)
			for _, imported := range p.Imports {
				if to, ours := relative(imported); ours {
					if !policy.Internal(from, to) {
						t.Errorf("%s imports %s: the policy does not allow it", from, to)
					}
				} else if !policy.External(from, imported) {
					t.Errorf("%s imports %s: reserved to others", from, imported)
				}
			}
		}
	}
}

func TestPolicyRefuses(t *testing.T) {
	policy, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to string }{
		{"internal/infer", "internal/nn"},
		{"internal/tokenizer", "internal/model"},
		{"train", "student"},
		{"dataset", "teacher"},
		{"internal/kernel", "internal/quant"},
	} {
		if policy.Internal(c.from, c.to) {
			t.Errorf("%s may import %s", c.from, c.to)
		}
	}
	if policy.External("dataset", "gorgonia.org/gorgonia") {
		t.Error("dataset may import gorgonia")
	}
	if !policy.External("dataset", "github.com/apache/arrow/go/v15/arrow") {
		t.Error("dataset may not import arrow")
	}
}
