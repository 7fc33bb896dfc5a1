package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/watch"
)

func watchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "watch", DisableDefaultText: true, Usage: "show the run live on a local page"},
		&cli.StringFlag{Name: "watch-addr", Value: "127.0.0.1:0", Usage: "loopback `host:port` of that page; port 0 takes a free one; implies --watch"},
	}
}

// showPage serves the page that shows the run, where it is asked for, until finish is called with how the run ended.
func (s *console) showPage(c *cli.Context) (finish func(error), err error) {
	if !c.Bool("watch") && !c.IsSet("watch-addr") {
		return func(error) {}, nil
	}
	listener, err := watch.Listen(c.String("watch-addr"))
	if err != nil {
		return nil, usage(err.Error(), "--watch-addr 127.0.0.1:0 takes any free port")
	}
	fmt.Fprintf(s.w, "watch at http://%s\n", listener.Addr())
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.Context)) // the page also shows an interruption
	served := make(chan error, 1)
	go func() { served <- s.board.Serve(ctx, listener) }()
	return func(outcome error) {
		s.board.Finish(outcome)
		cancel()
		if err := <-served; err != nil {
			s.log.Warn("the page could not be shown to the end", "error", err)
		}
	}, nil
}
