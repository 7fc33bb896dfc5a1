package openai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Done is the data of the event that ends an OpenAI stream.
const Done = "[DONE]"

// ErrEventTooLong is returned for an event above the reader's limit.
var ErrEventTooLong = errors.New("openai: event too long")

// Event is one server-sent event (HTML Living Standard, section 9.2). Data is valid until the next call of Next.
type Event struct {
	Name string // "" is "message"
	ID   string
	Data []byte
}

// EventReader reads server-sent events. Comments, blank lines, unknown fields and events without data are skipped;
// lines may end in LF, CRLF or CR.
type EventReader struct {
	r    *bufio.Reader
	max  int
	data []byte
	line []byte
	// skipLF is set after a CR: an LF that follows belongs to it. Peeking for it would block on a live stream.
	skipLF bool
}

// NewEventReader reads from r; an event's data may have at most maxBytes bytes.
func NewEventReader(r io.Reader, maxBytes int) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, 16<<10), max: maxBytes}
}

// Next returns the next event, or io.EOF at the end of the stream. An event that the end cuts off, with no blank line
// after it, is returned too when it is complete JSON or [DONE]: some servers close without the last blank line.
func (e *EventReader) Next() (Event, error) {
	var ev Event
	e.data = e.data[:0]
	seen := false
	for {
		line, err := e.readLine()
		if err != nil {
			if errors.Is(err, io.EOF) && seen && (string(e.data) == Done || json.Valid(e.data)) {
				ev.Data = e.data
				return ev, nil
			}
			return Event{}, err
		}
		if len(line) == 0 {
			if seen {
				ev.Data = e.data
				return ev, nil
			}
			ev = Event{}
			continue
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "data":
			if seen {
				e.data = append(e.data, '\n')
			}
			if len(e.data)+len(value) > e.max {
				return Event{}, ErrEventTooLong
			}
			e.data = append(e.data, value...)
			seen = true
		case "event":
			ev.Name = string(value)
		case "id":
			ev.ID = string(value)
		}
	}
}

// readLine returns the next line without its end, or io.EOF after the last. A line cut off by the end of the stream
// is returned as a line.
func (e *EventReader) readLine() ([]byte, error) {
	e.line = e.line[:0]
	for {
		if _, err := e.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) && len(e.line) > 0 {
				return e.line, nil
			}
			return nil, err
		}
		chunk, _ := e.r.Peek(e.r.Buffered())
		if e.skipLF {
			e.skipLF = false
			if chunk[0] == '\n' {
				e.discard(1)
				continue
			}
		}
		end := bytes.IndexAny(chunk, "\r\n")
		if end >= 0 {
			e.skipLF = chunk[end] == '\r'
			e.line = append(e.line, chunk[:end]...)
			e.discard(end + 1)
			return e.line, nil
		}
		if len(e.line)+len(chunk) > e.max+len("data: ") {
			return nil, ErrEventTooLong
		}
		e.line = append(e.line, chunk...)
		e.discard(len(chunk))
	}
}

// discard drops n bytes that Peek has shown, which cannot fail.
func (e *EventReader) discard(n int) { _, _ = e.r.Discard(n) }

// WriteEvent writes v as the JSON data of one event.
func WriteEvent(w io.Writer, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "data: %s\n\n", data)
	return err
}
