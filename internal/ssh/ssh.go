// Package ssh works on another machine through the system's own ssh program, so that what a user's ~/.ssh/config says of
// hosts, keys, ports and jumps holds here too (ssh(1), ssh_config(5)). The other machine needs a POSIX shell and nothing
// else.
//
//	host, err := ssh.Dial(ctx, "pi@raspberrypi")
//	defer host.Close()
//	platform, err := host.Platform(ctx)
//	copied, err := host.Put(ctx, "student.gguf", ".cache/distill-bench/student.gguf", nil)
//
// It keeps no keys and asks for none: ssh itself asks, at the terminal, once, since all calls share one connection.
// Paths on the other machine are relative to the home directory.
package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// maxOutput bounds what is read of a command's output.
const maxOutput = 16 << 20

// Host is another machine.
type Host struct {
	destination string
	folder      string // of the connection's socket
	options     []string
}

// Error is a failure of ssh itself: no such host, no key, no network. A command that ran there and failed gives another.
type Error struct {
	Destination string
	Message     string // what ssh said last
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("ssh %s: %s", e.Destination, e.Message) }

// Dial connects to a destination as ssh(1) takes it: host, user@host or ssh://user@host:port.
func Dial(ctx context.Context, destination string) (*Host, error) {
	if destination == "" || strings.HasPrefix(destination, "-") || strings.ContainsAny(destination, " \t\n") {
		return nil, &Error{destination, "is no user@host"}
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		return nil, &Error{destination, "there is no ssh program on this machine"}
	}
	folder, err := os.MkdirTemp("", "distill-ssh")
	if err != nil {
		return nil, fmt.Errorf("ssh: %w", err)
	}
	h := &Host{destination: destination, folder: folder}
	if runtime.GOOS != "windows" { // whose ssh cannot share a connection
		h.options = []string{"-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-o", "ControlPath=" + filepath.Join(folder, "s")}
	}
	if _, err := h.Output(ctx, "true"); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// Close ends the connection.
func (h *Host) Close() {
	if h.options != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = h.command(ctx, []string{"-O", "exit"}, "").Run() // it may never have been made
	}
	_ = os.RemoveAll(h.folder) // nothing but the socket was there
}

func (h *Host) command(ctx context.Context, more []string, script string) *exec.Cmd {
	args := append(append([]string{}, h.options...), more...)
	args = append(args, "--", h.destination)
	if script != "" {
		args = append(args, script)
	}
	cmd := exec.CommandContext(ctx, "ssh", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second // the shared connection lets go of the first command's output when the machine finds time
	return cmd
}

// Output runs a line of shell there and returns what it prints, of which 16 MiB are read at most.
func (h *Host) Output(ctx context.Context, script string) (string, error) {
	var out capped
	out.left = maxOutput
	err := h.run(ctx, script, nil, &out)
	return out.String(), err
}

func (h *Host) run(ctx context.Context, script string, stdin io.Reader, stdout io.Writer) error {
	// A file, not a pipe: the connection stays in the background, where older versions of ssh keep the pipe open.
	complaint, err := os.CreateTemp(h.folder, "stderr")
	if err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	defer os.Remove(complaint.Name())
	defer complaint.Close()
	cmd := h.command(ctx, nil, script)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, complaint
	if stdin != nil {
		cmd.WaitDelay = time.Second // the connection may hold on to what a command that failed did not read
	}
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == 255: // ssh's own failures
		return &Error{h.destination, lastLine(complaint, "cannot connect")}
	case errors.As(err, &exit):
		return fmt.Errorf("%s: %s", h.destination, lastLine(complaint, exit.String()))
	}
	return fmt.Errorf("ssh %s: %w", h.destination, err)
}

// Quote quotes a word for a POSIX shell.
func Quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// capped keeps the beginning of what is written and fails when more comes.
type capped struct {
	bytes.Buffer
	left int
}

// Write implements io.Writer.
func (c *capped) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		return 0, errors.New("the answer is longer than anything expected")
	}
	return c.Buffer.Write(p)
}

// lastLine returns the last line of a file that says something.
func lastLine(f *os.File, otherwise string) string {
	const most = 4096
	info, err := f.Stat()
	if err != nil {
		return otherwise
	}
	text := make([]byte, min(info.Size(), most))
	n, _ := f.ReadAt(text, info.Size()-int64(len(text))) // what can be read is enough
	lines := strings.Split(strings.TrimSpace(string(text[:n])), "\n")
	if line := strings.TrimSpace(lines[len(lines)-1]); line != "" {
		return line
	}
	return otherwise
}
