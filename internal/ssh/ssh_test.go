package ssh

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

func TestPlatform(t *testing.T) {
	for uname, want := range map[string]string{
		"Linux x86_64\n": "linux-amd64", "Linux aarch64\n": "linux-arm64", "Linux armv7l": "linux-armv7", "Linux armv6l": "linux-armv6",
		"Darwin arm64": "darwin-arm64", "FreeBSD amd64": "freebsd-amd64",
	} {
		if p, err := platformOf(uname); err != nil || p.String() != want {
			t.Errorf("%q: %v, %v, want %s", uname, p, err, want)
		}
	}
	for _, uname := range []string{"", "Linux", "Linux vax", "MINGW64_NT-10.0 x86_64", "'uname' is not recognized"} {
		if p, err := platformOf(uname); err == nil {
			t.Errorf("%q: %v, want an error", uname, p)
		}
	}
}

// TestHost talks to a real sshd: commands, quoting, failures of both kinds, files.
func TestHost(t *testing.T) {
	home := fixture.SSHD(t, "")
	host, err := Dial(t.Context(), "device")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	odd := `it's "odd" $HOME \ *` + "\n"
	if out, err := host.Output(t.Context(), "printf %s "+Quote(odd)); err != nil || out != odd {
		t.Errorf("printed %q, %v", out, err)
	}
	if _, err := host.Output(t.Context(), "echo first >&2; echo the reason >&2; exit 3"); err == nil || err.Error() != "device: the reason" {
		t.Errorf("a command that fails: %v", err)
	}
	if p, err := host.Platform(t.Context()); err != nil || p.OS == "" || p.Arch == "" {
		t.Errorf("platform %v, %v", p, err)
	}

	content := bytes.Repeat([]byte{0, 1, 2, 250, '\n'}, 200_000)
	local := filepath.Join(t.TempDir(), "a file")
	if err := os.WriteFile(local, content, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := 0
	for _, want := range []bool{true, false} { // the second time it is there
		copied, err := host.Put(t.Context(), local, "sub folder/it's", func(n int) { gone += n })
		if err != nil || copied != want || gone != len(content) {
			t.Fatalf("copied %v of %d bytes, %v; want %v", copied, gone, err, want)
		}
	}
	there := filepath.Join(home, "sub folder", "it's")
	if have, err := os.ReadFile(there); err != nil || !bytes.Equal(have, content) {
		t.Errorf("%d bytes arrived, %v", len(have), err)
	}
	if err := os.WriteFile(there, content[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if copied, err := host.Put(t.Context(), local, "sub folder/it's", nil); err != nil || !copied {
		t.Errorf("another file under that name: copied %v, %v", copied, err)
	}
	if _, err := host.Put(t.Context(), local, "sub folder/it's/below", nil); err == nil {
		t.Error("a file was copied below a file")
	}
	if _, err := host.Put(t.Context(), local+".absent", "x", nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestRefused(t *testing.T) {
	fixture.SSHD(t, "")
	for _, destination := range []string{"", "-oProxyCommand=touch", "a b"} {
		if _, err := Dial(t.Context(), destination); err == nil || !strings.Contains(err.Error(), "no user@host") {
			t.Errorf("%q: %v", destination, err)
		}
	}
	var refused *Error
	if _, err := Dial(t.Context(), "nobody@elsewhere"); !errors.As(err, &refused) || refused.Message == "" {
		t.Errorf("a host that nobody knows: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, "device"); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancellation: %v", err)
	}
}
