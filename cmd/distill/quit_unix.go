//go:build unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// answerQuit says where the run is whenever SIGQUIT (Ctrl-\) arrives, instead of Go's dump of every goroutine, until stop
// is called.
func (s *console) answerQuit() (stop func()) {
	signals := make(chan os.Signal, 1)
	gone := make(chan struct{})
	signal.Notify(signals, syscall.SIGQUIT)
	go func() {
		defer close(gone)
		for range signals {
			fmt.Fprintln(s.w, s.begin+s.board.Line())
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-gone
	}
}
