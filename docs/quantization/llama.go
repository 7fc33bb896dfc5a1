package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The programs that ask llama.cpp's library; the first line of each says how it is called.
var (
	//go:embed llama/speed.c
	llamaSpeed []byte
	//go:embed llama/quantize.cpp
	llamaQuantize []byte
)

// llama is llama.cpp's libraries and headers as shared/oracle's setup.sh fetched them.
type llama struct{ folder, libraries string }

func llamaIn(folder string) llama {
	return llama{folder, filepath.Join(folder, "node_modules", "@node-llama-cpp", "linux-x64", "bins", "linux-x64")}
}

// compile links a program of the given source against the libraries and returns its path in dir.
func (l llama) compile(dir, name string, source []byte) (string, error) {
	file, program := filepath.Join(dir, name), filepath.Join(dir, strings.TrimSuffix(name, filepath.Ext(name)))
	if err := os.WriteFile(file, source, 0o644); err != nil {
		return "", err
	}
	args := []string{"-O2", "-o", program, file}
	for _, headers := range []string{"include", "ggml/include", "common"} {
		args = append(args, "-I"+filepath.Join(l.folder, "headers", headers))
	}
	for _, pattern := range []string{"libllama.v*.so", "libllama-common.so", "libggml.v*.so", "libggml-base.so"} {
		found, _ := filepath.Glob(filepath.Join(l.libraries, pattern))
		args = append(args, found...)
	}
	compiler := map[string]string{".c": "cc", ".cpp": "c++"}[filepath.Ext(name)]
	if out, err := exec.Command(compiler, append(args, "-Wl,-rpath,"+l.libraries)...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot compile llama/%s: %w\n%s", name, err, out)
	}
	return program, nil
}

// ask runs a program with the library's processor code of the given folder and reads what it prints.
func (l llama) ask(program, backends string, arguments []string, answer ...any) error {
	c := exec.Command(program, arguments...)
	c.Env = append(os.Environ(), "LLAMA_BACKENDS="+backends)
	var failure bytes.Buffer
	c.Stderr = &failure
	out, err := c.Output()
	if err != nil {
		return fmt.Errorf("llama.cpp: %w: %s", err, failure.String())
	}
	_, err = fmt.Sscan(string(out), answer...)
	return err
}
