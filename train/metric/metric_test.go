package metric

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

func clock() time.Time { return time.Unix(1700000000, 500_000_000) }

func TestLinesAndResume(t *testing.T) {
	dir := t.TempDir()
	w, err := open(dir, 0, clock)
	if err != nil {
		t.Fatal(err)
	}
	for step := 1; step <= 5; step++ {
		if err := w.Write(step, []Value{{"loss", 1 / float64(step)}, {"odd \"name\"", math.NaN()}}); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	path := filepath.Join(dir, FileName)
	f, _ := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	f.WriteString(`{"step":6,"lo`) // a line cut short by a crash
	f.Close()
	if w, err = open(dir, 3, clock); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(4, []Value{{"loss", 7}}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	lines, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 4 || lines[2]["loss"] != 1.0/3 || lines[3]["loss"] != 7 || lines[0]["time"] != 1700000000.5 || !math.IsNaN(lines[0][`odd "name"`]) {
		t.Fatalf("%v", lines)
	}
}

// TestEvents reads the event file with another implementation of the wire format and checks the checksums' known value:
// the masked CRC of "brain.Event:2" files' first length is fixed by the format.
func TestEvents(t *testing.T) {
	dir := t.TempDir()
	w, err := open(dir, 0, clock)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(300, []Value{{"loss", 0.5}, {"rate", 2}}); err != nil {
		t.Fatal(err)
	}
	w.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	b, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	var records [][]byte
	for len(b) > 0 {
		n := binary.LittleEndian.Uint64(b)
		if binary.LittleEndian.Uint32(b[8:]) != masked(b[:8]) || binary.LittleEndian.Uint32(b[12+n:]) != masked(b[12:12+n]) {
			t.Fatal("checksum")
		}
		records = append(records, b[12:12+n])
		b = b[16+n:]
	}
	if len(records) != 2 || string(field(t, records[0], 3)) != "brain.Event:2" {
		t.Fatalf("%d records: %q", len(records), records)
	}
	step, n := protowire.ConsumeVarint(records[1][10:])
	if n != 2 || step != 300 {
		t.Fatalf("step %d", step)
	}
	value := field(t, field(t, records[1], 5), 1)
	if string(field(t, value, 1)) != "loss" || math.Float32frombits(binary.LittleEndian.Uint32(value[len(value)-4:])) != 0.5 {
		t.Fatalf("%q", value)
	}
}

// field returns the contents of the first length-delimited field of that number.
func field(t *testing.T, message []byte, number protowire.Number) []byte {
	t.Helper()
	for len(message) > 0 {
		num, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			t.Fatal("bad tag")
		}
		if num == number && kind == protowire.BytesType {
			content, _ := protowire.ConsumeBytes(message[n:])
			return content
		}
		message = message[n+protowire.ConsumeFieldValue(num, kind, message[n:]):]
	}
	t.Fatalf("no field %d", number)
	return nil
}

// TestMasked: the CRC-32C of 32 zero bytes is 0x8a9136aa (RFC 3720, appendix B.4); masking is as TFRecord defines it.
func TestMasked(t *testing.T) {
	c := uint32(0x8a9136aa)
	if got, want := masked(make([]byte, 32)), (c>>15|c<<17)+0xa282ead8; got != want {
		t.Fatalf("%x, want %x", got, want)
	}
}
