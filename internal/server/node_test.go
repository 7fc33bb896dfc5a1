package server

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// The official client for JavaScript, streams and errors included.
func TestOfficialClientForNode(t *testing.T) {
	dir := filepath.Join(fixture.NPM(t, "openai-6.49.0", "openai@6.49.0"), "node_modules", "openai")
	_, url := start(t, Options{Models: []Model{openStories(t)}, Token: "secret"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", filepath.Join("testdata", "openai.mjs"), dir, url+"/v1", "secret").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "passed" {
		t.Errorf("%v:\n%s", err, out)
	}
}
