package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/config"
	"github.com/seed-d24fde5f/distill/internal/fixture"
)

// generated holds a file of docs/ to what the program says of itself; UPDATE_DOCS=1 writes it.
func generated(t *testing.T, file, content string) {
	t.Helper()
	path := filepath.Join(fixture.Root(), "docs", file)
	if os.Getenv("UPDATE_DOCS") != "" {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != content {
		t.Errorf("docs/%s is not what the program says (%v): UPDATE_DOCS=1 go test ./cmd/distill -run Reference", file, err)
	}
}

func TestRecipeReference(t *testing.T) { generated(t, "recipes.md", config.Manual()) }

func TestCLIReference(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Command line reference\n\nMade from `distill COMMAND --help`.\n")
	var walk func(path []string, commands []*cli.Command)
	walk = func(path []string, commands []*cli.Command) {
		for _, c := range commands {
			words := append(slices.Clone(path), c.Name)
			var out bytes.Buffer
			if code := execute(t.Context(), append(slices.Clone(words), "--help"), strings.NewReader(""), &out, io.Discard); code != 0 {
				t.Errorf("%v --help: exit code %d", words, code)
			}
			b.WriteString("\n## " + strings.Join(words, " ") + "\n\n```\n" + strings.TrimRight(out.String(), "\n") + "\n```\n")
			walk(words, c.Subcommands)
		}
	}
	walk([]string{"distill"}, newApp(nil, io.Discard, io.Discard).Commands)
	generated(t, "cli.md", b.String())
}

var codeBlock = regexp.MustCompile("(?s)```(\\w+)\n(.*?)```")

// TestDocumentedCommands: every distill command in a shell block of the documentation is one that the program has, with
// flags that it has, and every recipe in a YAML block that stands on its own is valid.
func TestDocumentedCommands(t *testing.T) {
	var files []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(fixture.Root(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	commands := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			switch block[1] {
			case "sh":
				for line := range strings.Lines(block[2]) {
					if words := distillWords(line); words != nil {
						commands++
						checkCommand(t, filepath.Base(file), words)
					}
				}
			case "yaml":
				if strings.Contains(block[2], "\nteacher:") && strings.HasPrefix(block[2], "name:") {
					if _, err := config.Parse(file, "", []byte(block[2]), nil); err != nil {
						t.Error(err)
					}
				}
			}
		}
	}
	if commands < 20 {
		t.Errorf("only %d commands were found: is the pattern still right?", commands)
	}
}

// distillWords returns the words after "distill" of a line that calls it, or nil.
func distillWords(line string) []string {
	for _, prefix := range []string{"distill ", "./distill ", "go run ./cmd/distill "} {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), prefix); ok {
			rest, _, _ = strings.Cut(rest, " #")
			return strings.Fields(rest)
		}
	}
	return nil
}

func checkCommand(t *testing.T, file string, words []string) {
	t.Helper()
	commands := newApp(nil, io.Discard, io.Discard).Commands
	var command *cli.Command
	for len(words) > 0 {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(words[0]) })
		if i < 0 {
			break
		}
		command, commands, words = commands[i], commands[i].Subcommands, words[1:]
	}
	if command == nil {
		t.Errorf("%s: there is no command %v", file, words)
		return
	}
	for _, word := range words {
		if !strings.HasPrefix(word, "-") || word == "-" {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
		known := slices.ContainsFunc(command.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
		if !known && name != "help" {
			t.Errorf("%s: %s has no flag --%s", file, command.Name, name)
		}
	}
}

// TestErrorCatalogue: every message of the catalogue is one that the program has; what varies in it is written as N, M,
// NAME, a platform or an ellipsis.
func TestErrorCatalogue(t *testing.T) {
	var source strings.Builder
	err := filepath.WalkDir(fixture.Root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(fixture.Root(), "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, catalogue, _ := strings.Cut(string(page), "| message |")
	messages := 0
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(catalogue, -1) {
		messages++
		message := regexp.MustCompile(`^file\.yaml:\d+:\d+: [a-z.]+: `).ReplaceAllString(row[1], "")
		for _, part := range regexp.MustCompile(`\b(?:[NM]|NAME|linux-arm64)\b|…|"`).Split(message, -1) {
			if part = strings.Trim(part, " "); len(part) > 2 && !strings.Contains(source.String(), part) {
				t.Errorf("no message has %q, of %q", part, row[1])
			}
		}
	}
	if messages < 20 {
		t.Errorf("only %d messages were found: is the pattern still right?", messages)
	}
}
