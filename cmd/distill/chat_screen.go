package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/seed-d24fde5f/distill/internal/chat"
)

// lineReader reads what the user types, line by line; io.EOF ends it.
type lineReader interface{ ReadLine() (string, error) }

type scannedLines struct{ *bufio.Scanner }

func (s scannedLines) ReadLine() (string, error) {
	if s.Scan() {
		return s.Text(), nil
	}
	if err := s.Err(); err != nil {
		return "", err
	}
	return "", io.EOF
}

// terminalLines reads with editing and history, and takes the terminal into raw mode only while it reads.
type terminalLines struct {
	fd   int
	term *term.Terminal
}

func (t *terminalLines) ReadLine() (string, error) {
	before, err := term.MakeRaw(t.fd)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(t.fd, before) }() // a terminal that cannot be restored is gone
	return t.term.ReadLine()
}

// newLineReader reads from a terminal with editing, from anything else line by line.
func newLineReader(in io.Reader, out io.Writer) (lines lineReader, done func(), err error) {
	file, isFile := in.(*os.File)
	if !isFile || !isTerminal(file) || !isTerminal(out) {
		s := bufio.NewScanner(in)
		s.Buffer(nil, 1<<24)
		return scannedLines{s}, func() {}, nil
	}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "> ")
	if width, height, err := term.GetSize(int(file.Fd())); err == nil {
		_ = t.SetSize(width, height) // it only matters for long lines
	}
	return &terminalLines{int(file.Fd()), t}, func() {}, nil
}

const (
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// answerPrinter prints an answer as it arrives: the thinking dimmed on a terminal, in brackets elsewhere, or not at all.
type answerPrinter struct {
	out      io.Writer
	hide     bool
	colours  bool
	thinking bool
	held     string // may be the beginning of a tag
	begun    bool   // something of the present part has been printed
}

func (p *answerPrinter) write(text string) {
	p.held += text
	for {
		tag := chat.ThinkOpen
		if p.thinking {
			tag = chat.ThinkClose
		}
		if before, after, ok := strings.Cut(p.held, tag); ok {
			p.print(before)
			p.close()
			p.thinking, p.held, p.begun = !p.thinking, after, false
			continue
		}
		keep := overlap(p.held, tag)
		p.print(p.held[:len(p.held)-keep])
		p.held = p.held[len(p.held)-keep:]
		return
	}
}

// overlap returns the length of the longest end of s that is a beginning of tag.
func overlap(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasSuffix(s, tag[:n]) {
			return n
		}
	}
	return 0
}

func (p *answerPrinter) print(text string) {
	if !p.begun {
		text = strings.TrimLeft(text, " \n") // between a tag and what follows
	}
	if text == "" || p.thinking && p.hide {
		return
	}
	if p.thinking && !p.begun {
		fmt.Fprint(p.out, map[bool]string{true: dim, false: "("}[p.colours])
	}
	p.begun = true
	fmt.Fprint(p.out, text)
}

// close ends the thinking on the screen.
func (p *answerPrinter) close() {
	if p.thinking && p.begun {
		fmt.Fprint(p.out, map[bool]string{true: plain, false: ")"}[p.colours]+"\n")
	}
}

func (p *answerPrinter) end() {
	p.print(p.held)
	p.close()
	fmt.Fprintln(p.out)
}
