package main

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// plainTable sets columns apart by blanks, so that a table can be read, copied and cut by other programs.
var plainTable = table.Style{
	Name:   "plain",
	Box:    table.BoxStyle{PaddingRight: "  "},
	Format: table.FormatOptions{Header: text.FormatDefault},
}

func render(t table.Writer) string {
	t.SuppressTrailingSpaces()
	return t.Render()
}
