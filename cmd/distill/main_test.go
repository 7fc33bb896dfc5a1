package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d24fde5f/distill/internal/fixture"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"distill": main})
}

// TestScripts runs testdata/*.txtar: each command as it is typed, its failures included. Scripts under "stories" need the
// small model that lies beside the repository, as $STORIES.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata"})
}

func TestScriptsWithStories(t *testing.T) {
	stories := fixture.Shared(t, "models", "stories260K-f32.gguf")
	stories, err := filepath.Abs(stories)
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "stories"), Setup: func(env *testscript.Env) error {
		env.Setenv("STORIES", stories)
		return os.Chmod(env.WorkDir, 0o755)
	}})
}
