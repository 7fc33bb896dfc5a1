package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/seed-d24fde5f/distill/internal/model"
	"github.com/seed-d24fde5f/distill/internal/workbench"
)

func modelImatrixCommand() *cli.Command {
	return &cli.Command{
		Name: "imatrix", Usage: "measure which columns of a model's matrices matter, for quantize", ArgsUsage: "MODEL TEXT|DATASET [FILE.gguf]", Action: modelImatrix,
		Description: "   distill model imatrix student-f16.gguf runs/mine/data\n" +
			"   distill model quantize student-f16.gguf -t q4_k_m --imatrix student-f16-imatrix.gguf\n\n" +
			"   TEXT is a file of running text, DATASET a folder of rows that this program wrote. FILE.gguf is in llama.cpp's\n" +
			"   format, which its tools read too; without it the file is named MODEL-imatrix.gguf.",
		Flags: append([]cli.Flag{
			&cli.IntFlag{Name: "ctx", DefaultText: "512, or the model's context", Usage: "`tokens` in a window of text"},
			&cli.IntFlag{Name: "pieces", DefaultText: "all of a text, 128 rows", Usage: "`number` of windows or rows"},
			&cli.IntFlag{Name: "threads", DefaultText: "all", Usage: "`number` of threads"},
		}, logFlags()...),
	}
}

func modelImatrix(c *cli.Context) error {
	args, err := arguments(c, 2, 3)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		args = append(args, servedName(args[0])+"-imatrix.gguf")
	}
	if err := checkGGUF(args[2]); err != nil {
		return err
	}
	screen, err := newConsole(c)
	if err != nil {
		return err
	}
	defer screen.stop()
	found, source, err := workbench.MeasureImportance(c.Context, args[0], workbench.ImportanceOptions{
		Data: args[1], Window: c.Int("ctx"), Pieces: c.Int("pieces"), Threads: c.Int("threads"), Monitor: screen.board})
	screen.stop()
	if err != nil {
		return err
	}
	if err := model.WriteImportance(c.Context, args[2], found, source); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: %d matrices, over %d pieces of %d tokens\n", args[2], len(found), source.Chunks, source.ChunkSize)
	return err
}
