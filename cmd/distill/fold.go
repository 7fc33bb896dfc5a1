package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"
)

// widthOf returns the columns of the terminal that w is, 0 where it is none.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// fold breaks lines that are longer than width between words. What follows stands below the last column that begins in the
// line's first half, so that tables of names and what they mean stay tables. 0 is any width.
func fold(text string, width int) string {
	if width < 20 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		end := ""
		if strings.HasSuffix(line, "\n") {
			line, end = line[:len(line)-1], "\n"
		}
		indent := strings.Repeat(" ", columnOf(line, width/2))
		for utf8.RuneCountInString(line) > width {
			at := breakBefore(line, width)
			if at <= len(indent) {
				break
			}
			b.WriteString(strings.TrimRight(line[:at], " ") + "\n")
			line = indent + strings.TrimLeft(line[at:], " ")
		}
		b.WriteString(line + end)
	}
	return b.String()
}

// columnOf returns where the last column begins that does so before limit: behind two blanks or more.
func columnOf(line string, limit int) int {
	at := len(line) - len(strings.TrimLeft(line, " "))
	for i := at; i < min(len(line), limit); i++ {
		if strings.HasSuffix(line[:i], "  ") && line[i] != ' ' {
			at = i
		}
	}
	return min(at, limit)
}

// breakBefore returns the offset of the last blank of a line within width, or of the first one where there is none.
func breakBefore(line string, width int) int {
	end := 0
	for range width + 1 {
		_, n := utf8.DecodeRuneInString(line[end:])
		end += n
	}
	start := len(line) - len(strings.TrimLeft(line, " "))
	if at := strings.LastIndexByte(line[:end], ' '); at > start {
		return at
	}
	if at := strings.IndexByte(line[start:], ' '); at >= 0 {
		return start + at
	}
	return 0
}

// grid lays cells out below a header. Columns that do not fit into width stand below, each time beside the first one again;
// 0 is any width.
func grid(header []string, rows [][]string, width int) string {
	widths := make([]int, len(header))
	for _, row := range append(rows, header) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell)+2)
		}
	}
	var parts []string
	for from := 1; from < len(header); {
		to, used := from+1, widths[0]+widths[from]
		for to < len(header) && (width == 0 || used+widths[to] <= width+2) {
			used += widths[to]
			to++
		}
		t := table.NewWriter()
		t.SetStyle(plainTable)
		line := func(cells []string) table.Row {
			row := table.Row{cells[0]}
			for _, cell := range cells[from:to] {
				row = append(row, cell)
			}
			return row
		}
		t.AppendHeader(line(header))
		for _, row := range rows {
			t.AppendRow(line(row))
		}
		parts = append(parts, render(t))
		from = to
	}
	return strings.Join(parts, "\n\n")
}
