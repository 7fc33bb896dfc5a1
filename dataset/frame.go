package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/cespare/xxhash/v2"
)

// The framing of Arrow's IPC formats (Arrow columnar format 1.0, "Encapsulated message format"): a message is
//
//	0xFFFFFFFF, int32 length of metadata, metadata (a flatbuffer and padding to 8 bytes), body
//
// A stream is a schema message and record batches; a file is the same between "ARROW1\0\0" and a footer. Streams of
// this package carry a checksum at the end of each message's metadata, where the format allows any padding: eight
// bytes of mark and the xxh64 of the metadata before the mark and of the body. Other readers skip it as the padding it
// is; this package tells by it a batch that reached the disk from one that a crash tore.
const (
	continuation = 0xFFFFFFFF
	frameMark    = "DSTLxx64"
	sealSize     = len(frameMark) + 8
	fileMagic    = "ARROW1"
	// maxMessage bounds a message: a batch ends at a few megabytes unless one row alone is larger.
	maxMessage = 1 << 30
)

var errTorn = errors.New("torn message")

// frame is one message as it lies in a file.
type frame struct {
	meta, body []byte
	sealed     bool // it carries a checksum, which holds
}

// framer encodes record batches as sealed messages. It is the ipc package's payload writer.
type framer struct {
	writer *ipc.Writer
	schema []byte // the schema's message
	out    bytes.Buffer
}

func newFramer(schema *arrow.Schema) (*framer, error) {
	f := new(framer)
	f.writer = ipc.NewWriterWithPayloadWriter(f, ipc.WithSchema(schema))
	// The writer sends the schema with its first batch; an empty one makes it do so now.
	empty := array.NewRecordBuilder(memory.DefaultAllocator, schema).NewRecord()
	defer empty.Release()
	if err := f.writer.Write(empty); err != nil {
		return nil, err
	}
	return f, nil
}

// encode returns the message of record, valid until the next call.
func (f *framer) encode(record arrow.Record) ([]byte, error) {
	f.out.Reset()
	if err := f.writer.Write(record); err != nil {
		return nil, err
	}
	if f.out.Len() > maxMessage {
		return nil, fmt.Errorf("batch of %d bytes: the limit is %d", f.out.Len(), maxMessage)
	}
	return f.out.Bytes(), nil
}

func (f *framer) Start() error { return nil }
func (f *framer) Close() error { return nil }

// WritePayload writes a payload as one sealed message whose size is a multiple of 8.
func (f *framer) WritePayload(p ipc.Payload) error {
	meta := p.Meta()
	defer meta.Release()
	start := f.out.Len()
	padded := (meta.Len() + 7) &^ 7
	var prefix [8]byte
	binary.LittleEndian.PutUint32(prefix[:], continuation)
	binary.LittleEndian.PutUint32(prefix[4:], uint32(padded+sealSize))
	f.out.Write(prefix[:])
	f.out.Write(meta.Bytes())
	f.out.Write(make([]byte, padded-meta.Len()))
	f.out.WriteString(frameMark)
	f.out.Write(make([]byte, 8)) // the checksum, when the body is there
	if err := p.SerializeBody(&f.out); err != nil {
		return err
	}
	message := f.out.Bytes()[start:]
	mark := len(prefix) + padded
	sum := frameSum(message[len(prefix):mark], message[mark+sealSize:])
	binary.LittleEndian.PutUint64(message[mark+len(frameMark):], sum)
	if f.schema == nil {
		f.schema = bytes.Clone(message)
		f.out.Reset()
	}
	return nil
}

func frameSum(meta, body []byte) uint64 {
	h := xxhash.New()
	h.Write(meta)
	h.Write(body)
	return h.Sum64()
}

// readFrame reads the message at the start of r, which has remaining bytes, and returns its size. io.EOF is a clean
// end: nothing left, or the end-of-stream mark. Whatever a crash can leave is errTorn. Nothing is allocated that the
// remaining bytes could not fill. The frame takes over the memory of old, which is no longer used.
func readFrame(r io.Reader, remaining int64, old frame) (f frame, size int64, err error) {
	if remaining == 0 {
		return f, 0, io.EOF
	}
	var prefix [8]byte
	if remaining < int64(len(prefix)) {
		return f, 0, errTorn
	}
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return f, 0, err
	}
	remaining -= int64(len(prefix))
	metaSize := int64(binary.LittleEndian.Uint32(prefix[4:]))
	if binary.LittleEndian.Uint32(prefix[:]) != continuation {
		return f, 0, errTorn
	}
	if metaSize == 0 {
		return f, int64(len(prefix)), io.EOF
	}
	if metaSize > remaining || metaSize > maxMessage || metaSize%8 != 0 {
		return f, 0, errTorn
	}
	f.meta = resized(old.meta, int(metaSize))
	if _, err := io.ReadFull(r, f.meta); err != nil {
		return f, 0, err
	}
	remaining -= metaSize
	bodySize, err := verifyMetadata(f.meta)
	if err != nil || bodySize < 0 || bodySize > remaining || bodySize > maxMessage {
		return f, 0, errTorn
	}
	f.body = resized(old.body, int(bodySize))
	if _, err := io.ReadFull(r, f.body); err != nil {
		return f, 0, err
	}
	if at := len(f.meta) - sealSize; at >= 0 && string(f.meta[at:at+len(frameMark)]) == frameMark {
		if binary.LittleEndian.Uint64(f.meta[at+len(frameMark):]) != frameSum(f.meta[:at], f.body) {
			return f, 0, errTorn
		}
		f.sealed = true
	}
	return f, int64(len(prefix)) + metaSize + bodySize, nil
}

// resized returns n bytes, of whatever content, in the memory of b where that suffices.
func resized(b []byte, n int) []byte {
	if n <= cap(b) {
		return b[:n]
	}
	return make([]byte, n)
}

// messages hands frames to Arrow's decoder, which copies what it needs of one before it asks for the next. It is an
// ipc.MessageReader over length bytes of r.
type messages struct {
	r         io.Reader
	remaining int64
	last      frame
	sealed    bool  // refuse messages without a checksum
	err       error // what ended the messages other than io.EOF
}

func (m *messages) Retain()  {}
func (m *messages) Release() {}

func (m *messages) Message() (*ipc.Message, error) {
	f, size, err := readFrame(m.r, m.remaining, m.last)
	if err == nil && m.sealed && !f.sealed {
		err = errTorn
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			m.err = err
		}
		return nil, err
	}
	m.remaining -= size
	m.last = f
	return ipc.NewMessage(memory.NewBufferBytes(f.meta), memory.NewBufferBytes(f.body)), nil
}
