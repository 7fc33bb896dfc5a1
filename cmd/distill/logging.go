package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/seed-d24fde5f/distill/internal/progress"
	"github.com/seed-d24fde5f/distill/internal/watch"
)

// logFlags are the flags of every command that works for longer than a moment.
func logFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "log-format", Value: "text", Usage: "of the lines on standard error: `text|json`"},
		&cli.BoolFlag{Name: "quiet", DisableDefaultText: true, Aliases: []string{"q"}, Usage: "only errors on standard error"},
		&cli.BoolFlag{Name: "verbose", DisableDefaultText: true, Usage: "more on standard error"},
	}
}

// console is where a command talks to its user beside its result.
type console struct {
	log   *slog.Logger
	board *watch.Board // what is shown, and where it is
	w     io.Writer    // for a line that is no log line
	stop  func()       // ends the display, so that what is printed next stands below it
	begin string       // of a line for w: on a terminal, the keys that asked for it have been echoed where it begins
}

// newConsole reads the log flags. On a terminal progress is a bar, elsewhere a line now and then.
func newConsole(c *cli.Context) (*console, error) {
	format := c.String("log-format")
	if format != "text" && format != "json" {
		return nil, usage(fmt.Sprintf("--log-format %q is not known", format), "text or json")
	}
	if c.Bool("quiet") && c.Bool("verbose") {
		return nil, usage("--quiet and --verbose contradict each other", "")
	}
	level := slog.LevelInfo
	if c.Bool("verbose") {
		level = slog.LevelDebug
	}
	if c.Bool("quiet") {
		level = slog.LevelError
	}
	w := c.App.ErrWriter
	terminal := isTerminal(w)
	var bars *barMonitor
	if terminal && format == "text" && !c.Bool("quiet") {
		bars = newBarMonitor(w)
		w = bars.writer() // log lines appear above the bars
	}
	handler := newHandler(w, format, level, terminal)
	switch {
	case bars != nil:
		board := watch.NewBoard(bars)
		bars.retries = board.Retries
		return &console{log: slog.New(board.Tap(handler)), board: board, w: w, stop: bars.stop, begin: "\r"}, nil
	case c.Bool("quiet"):
		board := watch.NewBoard(progress.Silent)
		return &console{log: slog.New(board.Tap(handler)), board: board, w: w, stop: func() {}}, nil
	}
	lines := &lineMonitor{every: 5 * time.Second}
	board := watch.NewBoard(lines)
	lines.log, lines.retries = slog.New(board.Tap(handler)), board.Retries
	return &console{log: lines.log, board: board, w: w, stop: func() {}}, nil
}

func newHandler(w io.Writer, format string, level slog.Level, terminal bool) slog.Handler {
	if format == "json" {
		return slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: shortFloats})
	}
	if terminal {
		return tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly, ReplaceAttr: shortFloats})
	}
	return slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.String(slog.TimeKey, a.Value.Time().Format(time.TimeOnly))
		}
		return watch.Short(a)
	}})
}

func shortFloats(_ []string, a slog.Attr) slog.Attr { return watch.Short(a) }

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}
