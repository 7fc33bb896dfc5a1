package metric

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// TensorBoard reads TFRecord files of Event messages (tensorflow/core/util/event.proto). The few fields needed are
// written by hand in protobuf's wire format:
//
//	Event   1 wall_time double, 2 step int64, 3 file_version string, 5 summary Summary, 7 session_log SessionLog
//	Summary 1 value repeated { 1 tag string, 2 simple_value float }
//	SessionLog 1 status enum, START = 1: events at or after step are purged

const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

func tag(b []byte, field, wire int) []byte { return binary.AppendUvarint(b, uint64(field<<3|wire)) }

func appendBytes(b []byte, field int, content []byte) []byte {
	b = binary.AppendUvarint(tag(b, field, wireBytes), uint64(len(content)))
	return append(b, content...)
}

func eventAt(seconds float64, step int) []byte {
	b := binary.LittleEndian.AppendUint64(tag(nil, 1, wire64), math.Float64bits(seconds))
	if step > 0 {
		b = binary.AppendUvarint(tag(b, 2, wireVarint), uint64(step))
	}
	return b
}

// versionEvent is the first of every file.
func versionEvent(seconds float64) []byte {
	return appendBytes(eventAt(seconds, 0), 3, []byte("brain.Event:2"))
}

// restartEvent tells TensorBoard to forget what was written from a step on.
func restartEvent(seconds float64, step int) []byte {
	return appendBytes(eventAt(seconds, step), 7, binary.AppendUvarint(tag(nil, 1, wireVarint), 1))
}

func scalarEvent(seconds float64, step int, values []Value) []byte {
	var summary []byte
	for _, v := range values {
		value := appendBytes(nil, 1, []byte(v.Name))
		value = binary.LittleEndian.AppendUint32(tag(value, 2, wire32), math.Float32bits(float32(v.Value)))
		summary = appendBytes(summary, 1, value)
	}
	return appendBytes(eventAt(seconds, step), 5, summary)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of TFRecord files: CRC-32C, rotated and offset so that a record of records is no fixed point.
func masked(b []byte) uint32 {
	c := crc32.Checksum(b, castagnoli)
	return (c>>15 | c<<17) + 0xa282ead8
}

// appendRecord appends a TFRecord: length, its checksum, content, its checksum.
func appendRecord(b, content []byte) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(content)))
	b = binary.LittleEndian.AppendUint32(append(b, length...), masked(length))
	return binary.LittleEndian.AppendUint32(append(b, content...), masked(content))
}
