package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/seed-d24fde5f/distill/dataset/convert"
)

// Parquet and Arrow files of others come in by their columns' names, as datasets on Hugging Face have them.
func TestForeignColumns(t *testing.T) {
	turn := arrow.StructOf(arrow.Field{Name: "from", Type: arrow.BinaryTypes.String}, arrow.Field{Name: "value", Type: arrow.BinaryTypes.String})
	schema := arrow.NewSchema([]arrow.Field{{Name: "source", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "conversations", Type: arrow.ListOf(turn)}}, nil)
	text := `[{"source": "x", "conversations": [{"from": "human", "value": "q1"}, {"from": "gpt", "value": "a1"}]},
		{"conversations": [{"from": "human", "value": "q2"}, {"from": "gpt", "value": "<think>r</think>a2"}]}]`
	record, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer record.Release()

	dir := t.TempDir()
	stream, err := os.Create(filepath.Join(dir, "x.arrows"))
	if err != nil {
		t.Fatal(err)
	}
	w := ipc.NewWriter(stream, ipc.WithSchema(schema))
	w.Write(record)
	w.Close()
	stream.Close()
	columns, err := os.Create(filepath.Join(dir, "x.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := pqarrow.NewFileWriter(schema, columns, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	p.Write(record)
	p.Close()

	for _, name := range []string{"x.arrows", "x.parquet"} {
		rows := collect(t, convert.Read(filepath.Join(dir, name), "", convert.Options{Teacher: "who"}))
		if len(rows) != 2 || rows[0].Prompt.Messages[0].Content != "q1" || rows[0].Response != "a1" || rows[0].Teacher != "who" ||
			rows[1].Reasoning != "r" || rows[1].Response != "a2" || rows[0].ID == rows[1].ID {
			t.Errorf("%s: %+v", name, rows)
		}
	}
}
