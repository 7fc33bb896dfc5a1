package dataset

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/seed-d24fde5f/distill"
)

// encoder turns rows into record batches of one schema.
type encoder struct {
	builder *array.RecordBuilder
	version string
	entries []draw // of one position, while they are sorted
}

func newEncoder(version string, origin Origin) *encoder {
	return &encoder{builder: array.NewRecordBuilder(memory.DefaultAllocator, schemaOf(version, origin)), version: version}
}

// record encodes rows, which [validate] has let pass, as one batch. The caller releases it.
func (e *encoder) record(rows []distill.Row) arrow.Record {
	e.reserve(rows)
	for i := range rows {
		e.row(&rows[i])
	}
	return e.builder.NewRecord()
}

// reserve makes room for the longest texts of rows, so that they are not moved about as their buffers grow.
func (e *encoder) reserve(rows []distill.Row) {
	e.builder.Reserve(len(rows))
	var id, reasoning, response, content, messages int
	for i := range rows {
		row := &rows[i]
		id += len(row.ID)
		reasoning += len(row.Reasoning)
		response += len(row.Response)
		messages += len(row.Prompt.Messages)
		for j := range row.Prompt.Messages {
			content += len(row.Prompt.Messages[j].Content)
		}
	}
	item := e.builder.Field(colMessages).(*array.ListBuilder).ValueBuilder().(*array.StructBuilder)
	item.Reserve(messages)
	item.FieldBuilder(1).(*array.StringBuilder).ReserveData(content)
	e.builder.Field(colID).(*array.StringBuilder).ReserveData(id)
	e.builder.Field(colReasoning).(*array.StringBuilder).ReserveData(reasoning)
	e.builder.Field(colResponse).(*array.StringBuilder).ReserveData(response)
}

func (e *encoder) row(row *distill.Row) {
	e.text(colID, row.ID)
	e.text(colPromptID, row.Prompt.ID)
	e.text(colSplit, string(row.Prompt.Split))
	e.int32(colSample, row.Sample)
	e.messages(row.Prompt.Messages)
	e.optional(colReasoning, row.Reasoning)
	e.text(colResponse, row.Response)
	e.text(colFinishReason, row.FinishReason)
	e.text(colTeacher, row.Teacher)
	e.int32(colPromptTokens, row.PromptTokens)
	e.int32(colCompletionTokens, row.CompletionTokens)
	e.int32(colReasoningTokens, row.ReasoningTokens)
	cost := e.builder.Field(colCostUSD).(*array.Float64Builder)
	if row.CostUSD == nil {
		cost.AppendNull()
	} else {
		cost.Append(*row.CostUSD)
	}
	e.builder.Field(colLatencyMS).(*array.Int64Builder).Append(row.Latency.Milliseconds())
	e.builder.Field(colCreatedAt).(*array.TimestampBuilder).Append(arrow.Timestamp(row.CreatedAt.UnixMicro()))
	e.tokens(row)
	if e.version == nested {
		e.nestedSignal(row.Signal)
	} else {
		e.packedSignal(row.Signal)
	}
	e.verdicts(row.Verdicts)
	e.optional(colMeta, encodeMeta(&row.Prompt))
}

func (e *encoder) text(column int, s string) {
	e.builder.Field(column).(*array.StringBuilder).Append(strings.ToValidUTF8(s, "\uFFFD"))
}

func (e *encoder) optional(column int, s string) {
	if s == "" {
		e.builder.Field(column).AppendNull()
		return
	}
	e.text(column, s)
}

func (e *encoder) int32(column int, v int32) {
	e.builder.Field(column).(*array.Int32Builder).Append(v)
}

func (e *encoder) messages(messages []distill.Message) {
	list := e.builder.Field(colMessages).(*array.ListBuilder)
	list.Append(true)
	item := list.ValueBuilder().(*array.StructBuilder)
	for _, m := range messages {
		item.Append(true)
		item.FieldBuilder(0).(*array.StringBuilder).Append(strings.ToValidUTF8(m.Role, "\uFFFD"))
		item.FieldBuilder(1).(*array.StringBuilder).Append(strings.ToValidUTF8(m.Content, "\uFFFD"))
	}
}

func (e *encoder) verdicts(verdicts []distill.Verdict) {
	list := e.builder.Field(colVerdicts).(*array.ListBuilder)
	list.Append(true)
	item := list.ValueBuilder().(*array.StructBuilder)
	for _, v := range verdicts {
		item.Append(true)
		item.FieldBuilder(0).(*array.StringBuilder).Append(strings.ToValidUTF8(v.Name, "\uFFFD"))
		item.FieldBuilder(1).(*array.BooleanBuilder).Append(v.Pass)
		item.FieldBuilder(2).(*array.Float32Builder).Append(v.Score)
		item.FieldBuilder(3).(*array.StringBuilder).Append(strings.ToValidUTF8(v.Detail, "\uFFFD"))
	}
}

func (e *encoder) tokens(row *distill.Row) {
	ids := e.builder.Field(colTokenIDs).(*array.ListBuilder)
	if row.TokenIDs == nil {
		ids.AppendNull()
	} else {
		ids.Append(true)
		ids.ValueBuilder().(*array.Int32Builder).AppendValues(row.TokenIDs, nil)
	}
	logprobs := e.builder.Field(colTokenLogprobs).(*array.ListBuilder)
	if row.TokenLogprobs == nil {
		logprobs.AppendNull()
	} else {
		logprobs.Append(true)
		logprobs.ValueBuilder().(*array.Float32Builder).AppendValues(row.TokenLogprobs, nil)
	}
}

// meta is the JSON in the column of that name.
type meta struct {
	Reference string          `json:"reference,omitempty"`
	Fields    json.RawMessage `json:"fields,omitempty"`
}

func encodeMeta(p *distill.Prompt) string {
	if p.Reference == "" && len(p.Meta) == 0 {
		return ""
	}
	var b bytes.Buffer
	b.WriteByte('{')
	if p.Reference != "" {
		b.WriteString(`"reference":`)
		text := json.NewEncoder(&b)
		text.SetEscapeHTML(false)
		_ = text.Encode(p.Reference) // a string always encodes
		b.Truncate(b.Len() - 1)      // the newline that Encode adds
	}
	if len(p.Meta) > 0 {
		if p.Reference != "" {
			b.WriteByte(',')
		}
		b.WriteString(`"fields":`)
		b.Write(p.Meta) // as it was, byte for byte
	}
	b.WriteByte('}')
	return b.String()
}

func decodeMeta(text string, p *distill.Prompt) error {
	if text == "" {
		return nil
	}
	var m meta
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return fmt.Errorf("column meta: %w", err)
	}
	p.Reference, p.Meta = m.Reference, m.Fields
	return nil
}

// validate refuses what the schema cannot hold or what would contradict itself when it is read.
func validate(row *distill.Row, kind distill.SignalKind) error {
	n := len(row.TokenIDs)
	switch {
	case row.ID == "":
		return fmt.Errorf("row without an id")
	case len(row.Prompt.Meta) > 0 && !json.Valid(row.Prompt.Meta):
		return fmt.Errorf("row %s: the prompt's meta is not JSON", row.ID)
	case row.TokenLogprobs != nil && len(row.TokenLogprobs) != n:
		return fmt.Errorf("row %s: %d token log-probabilities for %d tokens", row.ID, len(row.TokenLogprobs), n)
	case row.Signal == nil:
		return nil
	case row.Signal.Kind != kind:
		return fmt.Errorf("row %s: signal %q in a dataset opened for %q", row.ID, row.Signal.Kind, kind)
	case row.Signal.Len() != n:
		return fmt.Errorf("row %s: signal of %d positions for %d tokens", row.ID, row.Signal.Len(), n)
	case len(row.Signal.IDs) != len(row.Signal.Logprobs):
		return fmt.Errorf("row %s: signal of %d ids and %d log-probabilities", row.ID, len(row.Signal.IDs), len(row.Signal.Logprobs))
	}
	last := int32(0)
	for _, end := range row.Signal.Ends {
		if end < last || int(end) > len(row.Signal.IDs) {
			return fmt.Errorf("row %s: signal ends go from %d to %d of %d entries", row.ID, last, end, len(row.Signal.IDs))
		}
		if end-last > maxEntries {
			return fmt.Errorf("row %s: %d entries at one position: at most %d are kept", row.ID, end-last, maxEntries)
		}
		last = end
	}
	if int(last) != len(row.Signal.IDs) {
		return fmt.Errorf("row %s: signal ends at %d of %d entries", row.ID, last, len(row.Signal.IDs))
	}
	return nil
}

// approximateBytes estimates what a row takes in a record batch, to decide where batches and shards end.
func approximateBytes(row *distill.Row) int {
	n := 160 + len(row.ID) + len(row.Prompt.ID) + len(row.Prompt.Reference) + len(row.Prompt.Meta) +
		len(row.Reasoning) + len(row.Response) + len(row.Teacher) + 4*len(row.TokenIDs) + 4*len(row.TokenLogprobs)
	for _, m := range row.Prompt.Messages {
		n += 8 + len(m.Role) + len(m.Content)
	}
	for _, v := range row.Verdicts {
		n += 13 + len(v.Name) + len(v.Detail)
	}
	if row.Signal != nil {
		n += 8*len(row.Signal.Ends) + 6*len(row.Signal.IDs)
	}
	return n
}
