package recipe

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// journal is a file of JSON lines that work adds to as it goes, so that work which is interrupted goes on where it
// stopped. It may be added to from many goroutines.
type journal[T any] struct {
	mu   sync.Mutex
	file *os.File
}

// openJournal opens a journal, or begins it, and returns what is in it. A last line that was not written whole is cut off.
func openJournal[T any](path string) (*journal[T], []T, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, nil, err
	}
	lines, whole, err := readLines[T](f)
	if err == nil {
		err = f.Truncate(whole)
	}
	if err == nil {
		_, err = f.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", filepath.Base(path), err), f.Close())
	}
	return &journal[T]{file: f}, lines, nil
}

// readLines reads whole lines up to the first that is none, and returns the number of their bytes.
func readLines[T any](r io.Reader) (lines []T, whole int64, err error) {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return lines, whole, nil
		}
		if err != nil {
			return nil, 0, err
		}
		var v T
		if good := json.Unmarshal(line, &v) == nil; !good {
			return lines, whole, nil // what follows a damaged line is measured again
		}
		lines, whole = append(lines, v), whole+int64(len(line))
	}
}

// add appends a line.
func (j *journal[T]) add(v T) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err = j.file.Write(append(line, '\n'))
	return err
}

func (j *journal[T]) close() error { return j.file.Close() }
