package convert

import (
	"context"
	"errors"
	"io"
	"iter"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/seed-d24fde5f/distill"
	"github.com/seed-d24fde5f/distill/dataset"
)

// rowGroupRows is the number of rows in a Parquet row group: what a reader must hold at a time.
const rowGroupRows = 8192

func readParquet(path string, options Options) iter.Seq2[distill.Row, error] {
	return rowsOf(func(yield func(arrow.Record, error) bool) {
		p, err := openParquet(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer p.close()
		for {
			record, err := p.next()
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(record, err) || err != nil {
				return
			}
		}
	}, path, options)
}

// parquetReader reads record batches of one Parquet file.
type parquetReader struct {
	file   *file.Reader
	rows   array.RecordReader
	schema *arrow.Schema // with the file's metadata, which the batches lack
}

func openParquet(path string) (p *parquetReader, err error) {
	defer recovered(&err)
	p = new(parquetReader)
	if p.file, err = file.OpenParquetFile(path, false); err != nil {
		return nil, err
	}
	arrowFile, err := pqarrow.NewFileReader(p.file, pqarrow.ArrowReadProperties{BatchSize: 1024}, memory.DefaultAllocator)
	if err == nil {
		p.schema, err = arrowFile.Schema()
	}
	if err == nil {
		p.rows, err = arrowFile.GetRecordReader(context.Background(), nil, nil)
	}
	if err != nil {
		p.file.Close()
		return nil, err
	}
	return p, nil
}

func (p *parquetReader) next() (record arrow.Record, err error) {
	defer recovered(&err)
	if p.rows.Next() {
		record := p.rows.Record()
		return array.NewRecord(p.schema, record.Columns(), record.NumRows()), nil
	}
	if err := p.rows.Err(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, io.EOF
}

func (p *parquetReader) close() {
	p.rows.Release()
	p.file.Close()
}

// parquetWriter writes rows into one Parquet file: Snappy, which every reader has, and the Arrow schema in the file's
// metadata, so that half-precision numbers and our own keys come back.
type parquetWriter struct {
	out *latched
	w   *pqarrow.FileWriter
}

func newParquetWriter(f io.Writer, origin dataset.Origin) (*parquetWriter, error) {
	out := &latched{Writer: f} // which also hides the file's Close: it is to be synced first
	w, err := pqarrow.NewFileWriter(dataset.Schema(origin), out,
		parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy), parquet.WithMaxRowGroupLength(rowGroupRows)),
		pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	return &parquetWriter{out, w}, err
}

func (p *parquetWriter) add(record arrow.Record) (err error) {
	defer recovered(&err)
	return p.w.Write(record)
}

func (p *parquetWriter) close() (err error) {
	defer recovered(&err)
	if err := p.w.Close(); err != nil {
		return err
	}
	return p.out.err
}

func writeParquet(f io.Writer, rows iter.Seq2[distill.Row, error], origin dataset.Origin) error {
	w, err := newParquetWriter(f, origin)
	if err != nil {
		return err
	}
	for record, err := range dataset.Records(rows, origin) {
		if err == nil {
			err = w.add(record)
		}
		if err != nil {
			return err
		}
	}
	return w.close()
}
