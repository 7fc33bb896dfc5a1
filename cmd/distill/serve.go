package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/server"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:      "serve",
		Usage:     "answer the OpenAI API with models, and a chat page",
		ArgsUsage: "MODEL…",
		Description: "   distill serve runs/quickstart\n   curl localhost:8080/v1/chat/completions -d '{\"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'\n\n" +
			"   The first model answers requests that name none. A served model can be the teacher of the next run.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Usage: "`host:port` to listen at"},
			&cli.StringFlag{Name: "token-env", Usage: "environment variable that holds the bearer token which requests must carry"},
			&cli.IntFlag{Name: "slots", Value: 16, Usage: "`number` of requests answered in one batch"},
			&cli.IntFlag{Name: "ctx", DefaultText: "the model's", Usage: "longest sequence in `tokens`"},
			&cli.IntFlag{Name: "max-tokens", DefaultText: "the context's rest", Usage: "of one completion"},
			&cli.DurationFlag{Name: "max-time", Value: 10 * time.Minute, Usage: "of one request"},
			&cli.IntFlag{Name: "max-requests", Value: 256, Usage: "`number` under way and waiting; more are told to come again (429)"},
			&cli.IntFlag{Name: "max-body", Value: 8, Usage: "`MiB` of a request"},
			&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
		}, logFlags()...),
		Action: serve,
	}
}

func serve(c *cli.Context) error {
	args, err := arguments(c, 1, -1)
	if err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	for _, name := range []string{"slots", "max-requests", "max-body"} {
		if c.Int(name) < 1 {
			return usage(fmt.Sprintf("--%s %d: want at least 1", name, c.Int(name)), "")
		}
	}
	opts := server.Options{MaxTokens: c.Int("max-tokens"), MaxTime: c.Duration("max-time"), MaxInFlight: c.Int("max-requests"),
		MaxBody: int64(c.Int("max-body")) << 20, Logger: screen.log}
	if name := c.String("token-env"); name != "" {
		if opts.Token = os.Getenv(name); opts.Token == "" {
			return usage(fmt.Sprintf("--token-env: %s is not set", name), "export it, or leave the flag out to ask for no token")
		}
	} else if host, _, err := net.SplitHostPort(c.String("addr")); err == nil && !isLoopback(host) {
		screen.log.Warn("anyone who reaches this address can use the models", "addr", c.String("addr"), "hint", "--token-env NAME asks for a token")
	}
	for _, name := range args {
		t, err := workbench.OpenTalker(name, c.Int("threads"), c.Int("ctx"), c.Int("slots"))
		if err != nil {
			return err
		}
		defer t.Close()
		opts.Models = append(opts.Models, server.Model{
			Name: servedName(name), Engine: t.Engine, Tokenizer: t.Format.Tok, Prompt: t.Format.Prompt, EndTokens: t.Format.Stops(),
			Context: t.Model.Context(), Parameters: t.Parameters, Bytes: t.Bytes,
		})
	}
	s, err := server.New(opts)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.String("addr"))
	if err != nil {
		return usage(err.Error(), "--addr 127.0.0.1:0 takes any free port")
	}
	fmt.Fprintf(c.App.Writer, "http://%s serves %s; Ctrl-C stops\n", listener.Addr(), strings.Join(args, ", "))
	return s.Serve(c.Context, listener)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// servedName is what clients call a model: its file's or folder's name.
func servedName(arg string) string {
	return strings.TrimPrefix(strings.TrimSuffix(filepath.Base(arg), ".gguf"), "builtin:")
}
