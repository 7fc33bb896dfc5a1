package dataset

import (
	"encoding/binary"
	"errors"
)

// Arrow's Go decoder believes the lengths in a message's metadata: a damaged count of fields makes it ask the system for
// terabytes, a child that contains itself exhausts the stack, and neither can be recovered from. So the metadata, a
// flatbuffer, is walked before Arrow sees it, and every table, vector and string must lie inside it. The layout is that
// of Message.fbs and Schema.fbs (Arrow columnar format 1.0); the rules of tables are FlatBuffers' (flatbuffers.dev,
// "Internals").

var errMetadata = errors.New("damaged metadata of a message")

// Field numbers in Message, Schema, Field and RecordBatch.
const (
	messageHeaderType, messageHeader, messageBodyLength = 1, 2, 3
	schemaFields, schemaMetadata                        = 1, 2
	fieldName, fieldType, fieldDictionary               = 0, 3, 4
	fieldChildren, fieldMetadata                        = 5, 6
	batchLength, batchNodes, batchBuffers               = 0, 1, 2
	batchCompression, batchVariadic                     = 3, 4
	dictionaryData                                      = 1
	keyValueKey, keyValueValue                          = 0, 1
)

// Values of MessageHeader.
const (
	headerSchema, headerDictionary, headerBatch = 1, 2, 3
	maxFieldDepth                               = 32
	maxFields                                   = 1 << 14
)

// metadata walks one flatbuffer. Every method fails with a panic of errMetadata, which verifyMetadata turns into an error.
type metadata struct {
	b      []byte
	fields int // seen so far: children may be shared, and a small file could name a field very often
}

// verifyMetadata returns the length of the message's body, or an error if anything points outside the metadata.
func verifyMetadata(b []byte) (body int64, err error) {
	m := &metadata{b: b}
	defer func() {
		if p := recover(); p != nil {
			err = errMetadata // also for an index out of range
		}
	}()
	message := m.table(0)
	body = int64(m.scalar64(message, messageBodyLength))
	header, ok := m.follow(message, messageHeader)
	m.must(ok)
	switch m.scalar8(message, messageHeaderType) {
	case headerSchema:
		m.schema(header)
	case headerDictionary:
		data, ok := m.follow(header, dictionaryData)
		m.must(ok)
		m.batch(data, body)
	case headerBatch:
		m.batch(header, body)
	default:
		m.must(false)
	}
	return body, nil
}

func (m *metadata) must(ok bool) {
	if !ok {
		panic(errMetadata)
	}
}

// table follows the offset at position at to a table and checks the table's vtable.
func (m *metadata) table(at int) int {
	pos := m.offset(at)
	vtable := pos - int(int32(binary.LittleEndian.Uint32(m.b[pos:])))
	m.must(vtable >= 0 && vtable+4 <= len(m.b))
	size := int(binary.LittleEndian.Uint16(m.b[vtable:]))
	inline := int(binary.LittleEndian.Uint16(m.b[vtable+2:]))
	m.must(size >= 4 && size%2 == 0 && vtable+size <= len(m.b) && pos+inline <= len(m.b))
	return pos
}

// offset follows the forward reference at position at.
func (m *metadata) offset(at int) int {
	to := at + int(binary.LittleEndian.Uint32(m.b[at:]))
	m.must(to >= 0 && to+4 <= len(m.b))
	return to
}

// slot returns the position of a table's field with room for size bytes, or false where it has its default.
func (m *metadata) slot(table, field, size int) (int, bool) {
	vtable := table - int(int32(binary.LittleEndian.Uint32(m.b[table:])))
	entry := 4 + 2*field
	if entry+2 > int(binary.LittleEndian.Uint16(m.b[vtable:])) {
		return 0, false
	}
	at := int(binary.LittleEndian.Uint16(m.b[vtable+entry:]))
	if at == 0 {
		return 0, false
	}
	m.must(table+at+size <= len(m.b))
	return table + at, true
}

func (m *metadata) follow(table, field int) (int, bool) {
	at, ok := m.slot(table, field, 4)
	if !ok {
		return 0, false
	}
	return m.table(at), true
}

func (m *metadata) scalar8(table, field int) byte {
	at, ok := m.slot(table, field, 1)
	if !ok {
		return 0
	}
	return m.b[at]
}

func (m *metadata) scalar64(table, field int) uint64 {
	at, ok := m.slot(table, field, 8)
	if !ok {
		return 0
	}
	return binary.LittleEndian.Uint64(m.b[at:])
}

// vector returns where a vector's elements of size bytes begin and how many there are.
func (m *metadata) vector(table, field, size int) (first, n int) {
	at, ok := m.slot(table, field, 4)
	if !ok {
		return 0, 0
	}
	at = m.offset(at)
	n = int(binary.LittleEndian.Uint32(m.b[at:]))
	m.must(n <= (len(m.b)-at-4)/size)
	return at + 4, n
}

func (m *metadata) schema(table int) {
	m.keyValues(table, schemaMetadata)
	m.children(table, schemaFields, 0)
}

func (m *metadata) children(table, field, depth int) {
	first, n := m.vector(table, field, 4)
	m.must(depth < maxFieldDepth)
	for i := range n {
		m.fields++
		m.must(m.fields <= maxFields)
		child := m.table(first + 4*i)
		m.vector(child, fieldName, 1)
		m.follow(child, fieldType)
		m.follow(child, fieldDictionary)
		m.keyValues(child, fieldMetadata)
		m.children(child, fieldChildren, depth+1)
	}
}

func (m *metadata) keyValues(table, field int) {
	first, n := m.vector(table, field, 4)
	for i := range n {
		pair := m.table(first + 4*i)
		m.vector(pair, keyValueKey, 1)
		m.vector(pair, keyValueValue, 1)
	}
}

// batch checks a RecordBatch: every buffer lies in the body, and no array is longer than any body could make it.
func (m *metadata) batch(table int, body int64) {
	m.must(m.scalar64(table, batchLength) <= maxMessage)
	nodes, n := m.vector(table, batchNodes, 16) // FieldNode: length, null_count
	for i := range n {
		length := binary.LittleEndian.Uint64(m.b[nodes+16*i:])
		nulls := binary.LittleEndian.Uint64(m.b[nodes+16*i+8:])
		m.must(length <= maxMessage && nulls <= length)
	}
	buffers, n := m.vector(table, batchBuffers, 16) // Buffer: offset, length
	for i := range n {
		offset := binary.LittleEndian.Uint64(m.b[buffers+16*i:])
		length := binary.LittleEndian.Uint64(m.b[buffers+16*i+8:])
		m.must(offset <= uint64(body) && length <= uint64(body)-offset)
	}
	m.follow(table, batchCompression)
	m.vector(table, batchVariadic, 8)
}
