package dataset

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d24fde5f/distill/internal/durable"
)

// The index of a shard is the keys of its rows, in order: mark, checksum of the shard it was made for, number of rows,
// what they cost, the keys, and the xxh64 of all before; numbers little-endian. It saves reading the shard and may be
// removed at will.
const indexMark = "DSTLKEY2"

var errIndex = errors.New("stale or damaged index")

func indexPath(dir, shard string) string { return filepath.Join(dir, indexFolder, shard+".keys") }

// writeIndex keeps the account of a shard; nothing depends on its success.
func writeIndex(dir string, shard Shard, books *account) {
	keys := books.keys
	b := make([]byte, 0, len(indexMark)+24+spentSize+len(keys)*keySize)
	b = append(b, indexMark...)
	b = binary.LittleEndian.AppendUint64(b, uint64(shard.XXH64))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(keys)))
	b = books.spent.append(b)
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
	if os.MkdirAll(filepath.Join(dir, indexFolder), 0o755) == nil {
		_ = durable.WriteFile(indexPath(dir, shard.File), b)
	}
}

// parseIndex returns the account in b, which must be the index of shard.
func parseIndex(b []byte, shard Shard) (*account, error) {
	const head = len(indexMark) + 16 + spentSize
	if shard.Rows < 0 || shard.Rows > len(b) || len(b) != head+shard.Rows*keySize+8 || string(b[:len(indexMark)]) != indexMark ||
		binary.LittleEndian.Uint64(b[len(indexMark):]) != uint64(shard.XXH64) ||
		binary.LittleEndian.Uint64(b[len(indexMark)+8:]) != uint64(shard.Rows) ||
		binary.LittleEndian.Uint64(b[len(b)-8:]) != xxhash.Sum64(b[:len(b)-8]) {
		return nil, errIndex
	}
	books := &account{keys: make([]key, shard.Rows), spent: parseSpent(b[head-spentSize:])}
	for i := range books.keys {
		copy(books.keys[i][:], b[head+i*keySize:])
	}
	return books, nil
}

// shardAccount returns the account of a shard from its index, or else from the shard, and then writes the index unless
// readOnly.
func shardAccount(dir string, shard Shard, readOnly bool) (*account, error) {
	if b, err := os.ReadFile(indexPath(dir, shard.File)); err == nil {
		if books, err := parseIndex(b, shard); err == nil {
			return books, nil
		}
	}
	books := new(account)
	for record, err := range shardBatches(dir, shard) {
		if err != nil {
			return nil, err
		}
		if err := books.add(record); err != nil {
			return nil, err
		}
	}
	if !readOnly {
		writeIndex(dir, shard, books)
	}
	return books, nil
}
