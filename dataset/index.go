package dataset

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"
)

// The index of a shard is the keys of its rows, in order: mark, checksum of the shard it was made for, number of rows,
// the keys, and the xxh64 of all before; numbers little-endian. It saves reading the shard and may be removed at will.
const indexMark = "DSTLKEY1"

var errIndex = errors.New("stale or damaged index")

func indexPath(dir, shard string) string { return filepath.Join(dir, indexFolder, shard+".keys") }

// writeIndex keeps the keys of a shard; nothing depends on its success.
func writeIndex(dir string, shard Shard, keys []key) {
	b := make([]byte, 0, len(indexMark)+24+len(keys)*keySize)
	b = append(b, indexMark...)
	b = binary.LittleEndian.AppendUint64(b, uint64(shard.XXH64))
	b = binary.LittleEndian.AppendUint64(b, uint64(len(keys)))
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
	if os.MkdirAll(filepath.Join(dir, indexFolder), 0o755) == nil {
		_ = replaceFile(indexPath(dir, shard.File), b)
	}
}

// parseIndex returns the keys in b, which must be the index of shard.
func parseIndex(b []byte, shard Shard) ([]key, error) {
	const head = len(indexMark) + 16
	if shard.Rows < 0 || shard.Rows > len(b) || len(b) != head+shard.Rows*keySize+8 || string(b[:len(indexMark)]) != indexMark ||
		binary.LittleEndian.Uint64(b[len(indexMark):]) != uint64(shard.XXH64) ||
		binary.LittleEndian.Uint64(b[len(indexMark)+8:]) != uint64(shard.Rows) ||
		binary.LittleEndian.Uint64(b[len(b)-8:]) != xxhash.Sum64(b[:len(b)-8]) {
		return nil, errIndex
	}
	keys := make([]key, shard.Rows)
	for i := range keys {
		copy(keys[i][:], b[head+i*keySize:])
	}
	return keys, nil
}

// shardKeys returns the keys of a shard from its index, or else from the shard, and then writes the index unless
// readOnly.
func shardKeys(dir string, shard Shard, readOnly bool) ([]key, error) {
	if b, err := os.ReadFile(indexPath(dir, shard.File)); err == nil {
		if keys, err := parseIndex(b, shard); err == nil {
			return keys, nil
		}
	}
	var keys []key
	for record, err := range shardBatches(dir, shard) {
		if err != nil {
			return nil, err
		}
		if err := eachID(record, func(id string) { keys = append(keys, keyOf(id)) }); err != nil {
			return nil, err
		}
	}
	if !readOnly {
		writeIndex(dir, shard, keys)
	}
	return keys, nil
}
