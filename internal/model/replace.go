package model

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile writes a file beside path and moves it there once it is complete and on disk. Of one that cannot be written,
// or that ctx ends before, nothing is left. Errors call the file by name.
func replaceFile(ctx context.Context, path, name string, write func(io.Writer) error) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("model: writing %s: %w", name, cause(err))
	}
	defer os.Remove(file.Name()) // fails once the file has moved
	defer file.Close()
	w := &stopper{ctx: ctx, file: file}
	err = write(w)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("model: interrupted: %s is not written: %w", name, ctx.Err())
	case w.err != nil:
		return fmt.Errorf("model: writing %s: %w", name, cause(w.err))
	case err != nil:
		return err
	}
	for _, step := range []func() error{
		func() error { return file.Chmod(0o644) }, file.Sync, file.Close,
		func() error { return os.Rename(file.Name(), path) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("model: writing %s: %w", name, cause(err))
		}
	}
	return nil
}

// replaceFolder does so for a folder, which write fills; one that is there already is written into as it is.
func replaceFolder(dir string, write func(dir string) error) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return write(dir)
	}
	parent := filepath.Dir(filepath.Clean(dir))
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("model: writing %s: %w", dir, err)
	}
	temporary, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*")
	if err != nil {
		return fmt.Errorf("model: writing %s: %w", dir, cause(err))
	}
	defer os.RemoveAll(temporary) // nothing, once the folder has moved
	if err := write(temporary); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(temporary, 0o755), os.Rename(temporary, dir)); err != nil {
		return fmt.Errorf("model: writing %s: %w", dir, err)
	}
	return nil
}

// stopper writes to a file until ctx ends, and remembers what the file refused.
type stopper struct {
	ctx  context.Context
	file *os.File
	err  error
}

func (w *stopper) Write(data []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.file.Write(data)
	w.err = err
	return n, err
}

// cause is an error of the file system without the name of the file, which is a temporary one.
func cause(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
