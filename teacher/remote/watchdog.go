package remote

import (
	"context"
	"io"
	"time"
)

// watchdog ends an attempt that is silent for too long, or takes too long in all.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	free   context.CancelFunc
	idle   *time.Timer
	after  time.Duration
}

func newWatchdog(parent context.Context, idle, total time.Duration) *watchdog {
	ctx, cancel := context.WithCancelCause(parent)
	ctx, free := context.WithTimeoutCause(ctx, total, errTimeout)
	w := &watchdog{ctx: ctx, cancel: cancel, free: free, after: idle}
	w.idle = time.AfterFunc(idle, func() { cancel(errIdle) })
	return w
}

// stop frees the timers. What is still being read of the attempt ends.
func (w *watchdog) stop() {
	w.idle.Stop()
	w.free()
	w.cancel(nil)
}

// reader counts every byte read from r as a sign of life.
func (w *watchdog) reader(r io.Reader) io.Reader { return &watchedReader{r, w} }

type watchedReader struct {
	r io.Reader
	w *watchdog
}

func (r *watchedReader) Read(p []byte) (int, error) {
	r.w.idle.Reset(r.w.after)
	return r.r.Read(p)
}

// drainTime is how long an attempt waits for the end of a body whose answer is complete: long enough for the last chunk
// of the encoding, which usually is there already, so that the connection can be used again.
const drainTime = 100 * time.Millisecond

// drain reads what follows a complete answer.
func (w *watchdog) drain(body io.Reader) {
	w.after = drainTime
	_, _ = io.CopyN(io.Discard, body, 4<<10) // the answer is whole; only the connection is at stake
}
