package dataset

import (
	"bytes"
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/seed-d24fde5f/distill"
)

// inOrder returns the row as it is read again: the ids of draws rise.
func inOrder(row distill.Row) distill.Row {
	if row.Signal == nil || row.Signal.Kind != distill.Sampled {
		return row
	}
	s := &distill.Signal{Kind: row.Signal.Kind, Ends: []int32{}}
	for i := range row.Signal.Ends {
		ids, logprobs := row.Signal.At(i)
		order := make([]int, len(ids))
		for j := range order {
			order[j] = j
		}
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ids[a], ids[b]) })
		for _, j := range order {
			s.IDs, s.Logprobs = append(s.IDs, ids[j]), append(s.Logprobs, logprobs[j])
		}
		s.Ends = append(s.Ends, int32(len(s.IDs)))
	}
	row.Signal = s
	return row
}

// What other tools are given has lists of lists, in the order in which the entries came.
func TestRecordsAreNested(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]distill.SignalKind{distill.TopK, distill.Sampled}).Draw(t, "kind")
		want := []distill.Row{aRow(t, kind), aRow(t, kind)}
		var got []distill.Row
		for record, err := range Records(sequence(want), Origin{Signal: kind}) {
			if err != nil {
				t.Fatal(err)
			}
			for row, err := range RecordRows(record) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, row)
			}
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Lengths that do not add up to the entries are an error, whatever a file holds.
func TestLengthsThatDoNotAddUp(t *testing.T) {
	row := plain(0, 1)[0]
	row.TokenIDs = []distill.Token{1, 2}
	row.Signal = &distill.Signal{Kind: distill.Sampled}
	row.Signal.Append([]int32{1, 5}, []float32{-1, -1})
	row.Signal.Append([]int32{9}, []float32{0})
	for _, lengths := range [][]uint16{{}, {2}, {2, 2}, {1, 1}, {3, 1}, {65535, 65535}} {
		e := newEncoder(packed, Origin{Signal: distill.Sampled})
		e.row(&row)
		record := e.builder.NewRecord()
		other := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Uint16)
		other.Append(true)
		other.ValueBuilder().(*array.Uint16Builder).AppendValues(lengths, nil)
		columns := slices.Clone(record.Columns())
		columns[colTopLengths] = other.NewArray()
		for row, err := range RecordRows(array.NewRecord(record.Schema(), columns, 1)) {
			if err == nil {
				t.Errorf("lengths %v: %+v", lengths, row.Signal)
			}
		}
	}
}

// A dataset of version 1, with a finished shard and one in progress, is read, continued and finished; what is new in it is
// of version 2.
func TestContinuesVersion1(t *testing.T) {
	dir := t.TempDir()
	origin := Origin{Teacher: "t", Signal: distill.Sampled}
	rows := make([]distill.Row, 9)
	for i := range rows {
		rows[i] = plain(i, 1)[0]
		rows[i].TokenIDs = []distill.Token{7, 8}
		rows[i].Signal = &distill.Signal{Kind: distill.Sampled}
		rows[i].Signal.Append([]int32{3, 900}, []float32{-0.5, -1})
		rows[i].Signal.Append([]int32{int32(i)}, []float32{0})
	}
	w, err := createShard(filepath.Join(dir, shardName(0)), nested, origin, None)
	if err != nil {
		t.Fatal(err)
	}
	record := newEncoder(nested, origin).record(rows[:3])
	if err := w.add(record, 100); err != nil {
		t.Fatal(err)
	}
	shard, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	m := Manifest{Format: manifestFormat, Next: 1, Shards: []Shard{shard}}
	if err := m.write(dir); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(filepath.Join(dir, manifestName))
	os.WriteFile(filepath.Join(dir, manifestName), bytes.Replace(text, []byte(`"version": "2"`), []byte(`"version": "1"`), 1), 0o644)
	f, err := newFramer(schemaOf(nested, origin))
	if err != nil {
		t.Fatal(err)
	}
	record = newEncoder(nested, origin).record(rows[3:5])
	message, err := f.encode(record)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, streamName(1)), append(f.schema, message...), 0o644)

	for step, appended := range []int{5, 7, 9} {
		d := open(t, dir, Options{Origin: origin})
		if err := d.Append(context.Background(), rows[3:appended]...); err != nil {
			t.Fatal(err)
		}
		if step > 0 {
			if err := d.Seal(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := gocmp.Diff(rows[:appended], collect(t, d), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("step %d: %s", step, diff)
		}
		d.Close()
	}
	if problems, err := Check(dir); err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	versions := map[string]bool{}
	d := open(t, dir, Options{ReadOnly: true})
	for record, err := range d.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		version, _, _ := originOf(record.Schema())
		versions[version] = true
	}
	if !versions[nested] || !versions[packed] {
		t.Errorf("versions %v", versions)
	}
}
