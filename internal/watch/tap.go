package watch

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Tap returns a handler that passes records on to next and keeps the last of them, at level info and above. From the
// debug records of a teacher it counts attempts that failed, by their attribute "cause", whether next shows them or not.
func (b *Board) Tap(next slog.Handler) slog.Handler { return &tap{next: next, board: b} }

type tap struct {
	next  slog.Handler
	board *Board
	attrs []slog.Attr
}

func (t *tap) Enabled(context.Context, slog.Level) bool { return true }

func (t *tap) Handle(ctx context.Context, r slog.Record) error {
	t.board.observe(r, t.attrs)
	if !t.next.Enabled(ctx, r.Level) {
		return nil
	}
	return t.next.Handle(ctx, r)
}

func (t *tap) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &tap{t.next.WithAttrs(attrs), t.board, append(slices.Clone(t.attrs), attrs...)}
}

// WithGroup passes the group on; the board's lines do without it.
func (t *tap) WithGroup(name string) slog.Handler {
	return &tap{t.next.WithGroup(name), t.board, t.attrs}
}

func (b *Board) observe(r slog.Record, more []slog.Attr) {
	var line strings.Builder
	line.WriteString(r.Time.Format(time.TimeOnly) + "  ")
	if r.Level > slog.LevelInfo {
		line.WriteString(strings.ToLower(r.Level.String()) + ": ")
	}
	line.WriteString(r.Message)
	cause := ""
	each := func(a slog.Attr) bool {
		if a.Key == "cause" {
			cause = a.Value.String()
		}
		line.WriteString("  " + a.Key + " " + Short(a).Value.String())
		return true
	}
	for _, a := range more {
		each(a)
	}
	r.Attrs(each)
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Message == "attempt failed" && cause != "" {
		b.retries[cause]++
	}
	if r.Level < slog.LevelInfo {
		return
	}
	b.lines = append(b.lines, line.String())
	if len(b.lines) > maxLines {
		b.lines = append(b.lines[:0], b.lines[1:]...)
	}
}
