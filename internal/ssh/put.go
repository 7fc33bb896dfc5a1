package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Put copies a file there and makes it executable, unless a file of the same SHA-256 is there already, and reports whether
// it copied. A file is complete or absent under its name. progress, if not nil, is told of bytes as they go.
func (h *Host) Put(ctx context.Context, local, remote string, progress func(n int)) (copied bool, err error) {
	sum, err := Sum(local)
	if err != nil {
		return false, err
	}
	if there, err := h.sum(ctx, remote); err != nil || there == sum {
		return false, err
	}
	f, err := os.Open(local)
	if err != nil {
		return false, fmt.Errorf("ssh: %w", err)
	}
	defer f.Close()
	part := remote + ".part"
	var body io.Reader = f
	if progress != nil {
		body = io.TeeReader(f, told(progress))
	}
	script := fmt.Sprintf("mkdir -p %s && cat > %s", Quote(path.Dir(remote)), Quote(part))
	if err := h.run(ctx, script, body, io.Discard); err != nil {
		return false, fmt.Errorf("copying %s: %w", local, err)
	}
	there, err := h.sum(ctx, part)
	if err != nil {
		return false, err
	}
	if there != sum {
		return false, fmt.Errorf("ssh: %s arrived damaged: SHA-256 %.16s… there, %.16s… here", local, there, sum)
	}
	_, err = h.Output(ctx, fmt.Sprintf("chmod 755 %s && mv -f %s %s", Quote(part), Quote(part), Quote(remote)))
	return err == nil, err
}

// sum returns the SHA-256 of a file there, "" when it is absent.
func (h *Host) sum(ctx context.Context, remote string) (string, error) {
	file := Quote(remote)
	out, err := h.Output(ctx, fmt.Sprintf("if [ -f %s ]; then sha256sum %s 2>/dev/null || shasum -a 256 %s; fi", file, file, file))
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(strings.TrimSpace(out), " ")
	return sum, nil
}

// Sum returns the SHA-256 of a file here, in hexadecimal.
func Sum(local string) (string, error) {
	f, err := os.Open(local)
	if err != nil {
		return "", fmt.Errorf("ssh: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("ssh: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// told calls itself with the length of each write.
type told func(n int)

// Write implements io.Writer.
func (t told) Write(p []byte) (int, error) {
	t(len(p))
	return len(p), nil
}
