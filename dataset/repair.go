package dataset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"

	"github.com/seed-d24fde5f/distill/internal/durable"
)

// repairStream keeps the whole messages of a damaged stream and puts the damaged file aside, under its name with
// ".damaged" added.
func repairStream(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	_, size, err := readFrame(bytes.NewReader(b), int64(len(b)), frame{})
	if err != nil || binary.LittleEndian.Uint32(b) != continuation {
		return fmt.Errorf("dataset: %s: the schema itself is damaged: %w", path, ErrDamaged)
	}
	whole := bytes.Clone(b[:size])
	for at := int(size); at < len(b); {
		f, size, err := readFrame(bytes.NewReader(b[at:]), int64(len(b)-at), frame{})
		if err == nil && f.sealed {
			whole = append(whole, b[at:at+int(size)]...)
			at += int(size)
			continue
		}
		next := findFrame(b[at:])
		if next < 0 {
			break
		}
		at += next
	}
	if err := os.WriteFile(path+".damaged", b, 0o644); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	if err := durable.WriteFile(path, whole); err != nil {
		return fmt.Errorf("dataset: %w", err)
	}
	return nil
}
