// Package convert reads and writes the formats in which other tools keep conversations.
//
//	openai     JSONL, {"messages": [{"role": …, "content": …}]}, as OpenAI's fine-tuning takes it
//	sharegpt   JSONL, {"conversations": [{"from": "human", "value": …}]}
//	alpaca     JSONL, {"instruction": …, "input": …, "output": …}
//	parquet    a Parquet file with the columns of the dataset's schema
//	arrow      an Arrow IPC stream with the same; IPC files are read too
//	hf         a folder that Hugging Face's datasets loads: Parquet files by split, and a README.md that says so
//
// The two calls most users need:
//
//	rows := convert.Read(path, "", convert.Options{Teacher: "gpt-4o"})   // the format is found out
//	n, err := convert.Write("train.jsonl", convert.OpenAI, data.Rows(), convert.Options{})
//
// The JSON formats keep questions and answers; Parquet and Arrow keep everything. Both ways one batch is in memory at
// a time. A file appears under its name when it is whole.
package convert

import (
	"bufio"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
	"github.com/seed-d24fde5f/distill/dataset/card"
	"github.com/seed-d24fde5f/distill/internal/durable"
)

// Format is one of the formats in the package's comment.
type Format string

// Formats.
const (
	OpenAI   Format = "openai"
	ShareGPT Format = "sharegpt"
	Alpaca   Format = "alpaca"
	Parquet  Format = "parquet"
	Arrow    Format = "arrow"
	HF       Format = "hf"
)

// Thinking says where the JSON formats put a teacher's reasoning.
type Thinking string

// Places for the reasoning. Tags is what chat templates of reasoning models write, and what most trainers expect.
const (
	Tags  Thinking = "tags"  // <think>…</think> before the answer
	Field Thinking = "field" // reasoning_content beside content (openai only; elsewhere as Tags)
	Leave Thinking = "leave" // left out
)

// Options of [Read] and [Write].
type Options struct {
	Teacher  string         // of rows that are read from formats which do not say
	Heldout  float64        // share of prompts held out, for formats which do not say; in [0,1]
	Thinking Thinking       // in the JSON formats that are written; empty means [Tags]
	Origin   dataset.Origin // of the rows that are written as Parquet or Arrow
	Card     card.Card      // what README.md says, in the folder that is written as [HF]
}

// Detect finds out the format of what is at path, by its name and by its first line.
func Detect(path string) (Format, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("convert: %w", err)
	}
	if info.IsDir() {
		if files, _ := parquetFiles(path); len(files) > 0 {
			return HF, nil
		}
		return "", fmt.Errorf("convert: %s: a folder without Parquet files", path)
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet":
		return Parquet, nil
	case ".arrow", ".arrows", ".feather", ".ipc":
		return Arrow, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("convert: %w", err)
	}
	defer file.Close()
	format, err := detectLine(bufio.NewReader(file))
	if err != nil {
		return "", fmt.Errorf("convert: %s: %w", path, err)
	}
	return format, nil
}

// Read yields the rows of what is at path; an empty format is found out. Rows of the JSON formats get their id, prompt
// id and split from their messages, by the rules of package prompt. An error names the file, and the line where there
// is one.
func Read(path string, format Format, options Options) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		if format == "" {
			var err error
			if format, err = Detect(path); err != nil {
				yield(distill.Row{}, err)
				return
			}
		}
		var rows iter.Seq2[distill.Row, error]
		switch format {
		case OpenAI, ShareGPT, Alpaca:
			rows = readJSONL(path, format, options)
		case Parquet:
			rows = readParquet(path, options)
		case Arrow:
			rows = readArrow(path, options)
		case HF:
			rows = readHF(path, options)
		default:
			yield(distill.Row{}, unknown(format))
			return
		}
		for row, err := range rows {
			if err != nil {
				err = fmt.Errorf("convert: %w", err)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func unknown(format Format) error {
	return fmt.Errorf("convert: unknown format %q: openai, sharegpt, alpaca, parquet, arrow or hf", format)
}

// Write writes rows to path, which must not exist, and returns how many. When it fails it leaves nothing there.
func Write(path string, format Format, rows iter.Seq2[distill.Row, error], options Options) (n int, err error) {
	if _, err := os.Lstat(path); err == nil {
		return 0, fmt.Errorf("convert: %s: %w", path, os.ErrExist)
	}
	counted := func(yield func(distill.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				n++
			}
			if !yield(row, err) {
				return
			}
		}
	}
	switch format {
	case OpenAI, ShareGPT, Alpaca:
		err = durable.Write(path, func(file *os.File) error { return writeJSONL(file, format, counted, options) })
	case Parquet:
		err = durable.Write(path, func(file *os.File) error { return writeParquet(file, counted, options.Origin) })
	case Arrow:
		err = durable.Write(path, func(file *os.File) error { return writeArrow(file, counted, options.Origin) })
	case HF:
		err = writeHF(path, counted, options)
	default:
		return 0, unknown(format)
	}
	if err != nil {
		return n, fmt.Errorf("convert: %w", err)
	}
	return n, nil
}
