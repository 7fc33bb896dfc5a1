// Package dataset keeps what teachers answered: one [distill.Row] per completion, in Arrow files that any Arrow reader
// opens, with a ledger that never loses or repeats a row.
//
// # A folder of rows
//
//	shard-00000.arrow    finished: an Arrow IPC file, listed in manifest.json with rows, bytes and xxh64
//	shard-00001.arrows   in progress: an Arrow IPC stream, synced batch by batch
//	manifest.json        replaced atomically
//	.index/              the ids of finished shards, so that opening reads no rows; rebuilt where it is missing
//	.lock                held by the one process that writes
//
// The columns are version 2 of the schema (see [Version] and [Schema]); version 1 is read and continued. Where rows carry a
// teacher's signal, finished shards are compressed with zstd; text alone stays plain, so that readers without a
// decompressor open it too.
//
// # Writing
//
//	data, err := dataset.Open(dir, dataset.Options{Teacher: "deepseek-reasoner"})
//	id := dataset.RowID(prompt.ID, 0, "deepseek-reasoner", sampling)
//	if !data.Has(id) {
//		err = data.Append(ctx, row) // durable when it returns
//	}
//
// Many goroutines append at once and share one sync of the disk. After a crash, [Open] keeps every batch whose
// checksum holds and cuts off the torn end. When the disk is full, [Dataset.Ready] says so while a reserve still
// takes the answers that are on their way.
//
// # Reading
//
//	for row, err := range data.Rows() { … }
//
// holds one batch in memory at a time, checks each shard against the manifest before its first row, and turns
// whatever a damaged file provokes in a decoder into an error that names the file.
//
// The sister folders work on rows: prompt makes the questions, verify judges answers, selection and hygiene choose
// among them, convert speaks other tools' formats, pack turns token ids into training sequences. None of them knows
// teachers, students or tokenizers.
package dataset
