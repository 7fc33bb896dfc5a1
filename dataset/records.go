package dataset

import (
	"fmt"
	"io"
	"iter"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// Records yields rows as Arrow record batches of [Schema], a few megabytes each: what writers of other formats take. A
// batch is valid until the next is asked for.
func Records(rows iter.Seq2[distill.Row, error], origin Origin) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		e := newEncoder(nested, origin)
		var batch []distill.Row
		size := 0
		flush := func() bool {
			record := e.record(batch)
			defer record.Release()
			clear(batch)
			batch, size = batch[:0], 0
			return yield(record, nil)
		}
		for row, err := range rows {
			if err == nil {
				if err = validate(&row, origin.Signal); err != nil {
					err = fmt.Errorf("dataset: %w", err)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			batch = append(batch, row)
			if size += approximateBytes(&row); size >= batchBytes || len(batch) >= batchRows {
				if !flush() {
					return
				}
			}
		}
		if len(batch) > 0 {
			flush()
		}
	}
}

// RecordRows yields the rows of a record batch that has the columns of the schema, in either version, whatever their order
// and whatever else there is. The schema's metadata must say the version; panics over what a damaged batch holds become errors.
func RecordRows(record arrow.Record) iter.Seq2[distill.Row, error] {
	return func(yield func(distill.Row, error) bool) { eachRow(record, yield) }
}

// OriginOf returns what a schema says about where its rows come from, or an error if it is not one that [Schema] makes.
func OriginOf(schema *arrow.Schema) (Origin, error) {
	_, origin, err := originOf(schema)
	return origin, err
}

// ReadStream yields the record batches of an Arrow IPC stream, or of an IPC file, of total bytes. What a damaged one
// provokes in the decoder becomes an error.
func ReadStream(r io.ReadSeeker, total int64) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		size, err := seekStream(r, total)
		if err != nil { // not a file: a stream from its first byte
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				yield(nil, err)
				return
			}
			size = total
		}
		readBatches(r, size)(yield)
	}
}
