package convert

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

// recovered turns a panic over a damaged file into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("%v", p)
	}
}

// rowsOf yields the rows of record batches from path. Batches without our schema are read as the JSON format that their
// columns are named after: so datasets that others published as Parquet come in.
func rowsOf(batches iter.Seq2[arrow.Record, error], path string, options Options) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		info, err := os.Stat(path)
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		names := newNamer(options, info)
		for record, err := range batches {
			if err != nil {
				yield(distill.Row{}, fmt.Errorf("%s: %w", path, err))
				return
			}
			rows := dataset.RecordRows(record)
			if _, err := dataset.OriginOf(record.Schema()); err != nil && foreignFormat(record) != "" {
				rows = foreignRows(record, names)
			}
			for row, err := range rows {
				if err != nil {
					err = fmt.Errorf("%s: %w", path, err)
				}
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

func foreignFormat(record arrow.Record) Format {
	return formatOf(func(name string) bool { return len(record.Schema().FieldIndices(name)) > 0 })
}

// foreignRows reads a batch by way of JSON.
func foreignRows(record arrow.Record, names *namer) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) {
		text, err := recordJSON(record)
		if err != nil {
			yield(distill.Row{}, err)
			return
		}
		for line := range bytes.Lines(text) {
			row, err := parseLine(bytes.TrimSpace(line), foreignFormat(record))
			if err == nil {
				names.name(&row)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func recordJSON(record arrow.Record) (text []byte, err error) {
	defer recovered(&err)
	var b bytes.Buffer
	err = array.RecordToJSON(record, &b)
	return b.Bytes(), err
}

func readArrow(path string, options Options) iter.Seq2[distill.Row, error] {
	return rowsOf(func(yield func(arrow.Record, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			yield(nil, err)
			return
		}
		dataset.ReadStream(f, info.Size())(yield)
	}, path, options)
}

// latched is a writer that remembers its first error: Arrow's writers have returned nil for failed writes.
type latched struct {
	io.Writer
	err error
}

func (l *latched) Write(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.Writer.Write(p)
	l.err = err
	return n, err
}

func writeArrow(f io.Writer, rows iter.Seq2[distill.Row, error], origin dataset.Origin) error {
	out := &latched{Writer: f}
	w := ipc.NewWriter(out, ipc.WithSchema(dataset.Schema(origin)))
	for record, err := range dataset.Records(rows, origin) {
		if err != nil {
			return err
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.err
}
