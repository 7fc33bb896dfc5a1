package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// openaiPackage returns the folder of npm's official client, installed once into the user's cache, and skips the test
// where it cannot be had.
func openaiPackage(t *testing.T) string {
	const version = "openai@6.49.0"
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is absent", program)
		}
	}
	dir := filepath.Join(cache, "distill-npm", version)
	client := filepath.Join(dir, "node_modules", "openai")
	if _, err := os.Stat(filepath.Join(client, "index.mjs")); err == nil {
		return client
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "npm", "install", "--prefix", dir, "--no-audit", "--no-fund", version).CombinedOutput(); err != nil {
		t.Skipf("npm cannot install %s: %v: %s", version, err, out)
	}
	return client
}

// The official client for JavaScript, streams and errors included.
func TestOfficialClientForNode(t *testing.T) {
	dir := openaiPackage(t)
	_, url := start(t, Options{Models: []Model{openStories(t)}, Token: "secret"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", filepath.Join("testdata", "openai.mjs"), dir, url+"/v1", "secret").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "passed" {
		t.Errorf("%v:\n%s", err, out)
	}
}
