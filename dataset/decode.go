package dataset

import (
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/seed-d24fde5f/distill"
)

// columns are the typed arrays of one record batch.
type columns struct {
	id, promptID, split, reasoning, response, finish *array.String
	teacher, meta                                    *array.String
	sample, promptTokens, completionTokens           *array.Int32
	reasoningTokens                                  *array.Int32
	cost                                             *array.Float64
	latency                                          *array.Int64
	created                                          *array.Timestamp
	messages, verdicts                               lists
	role, content, name, detail                      *array.String
	pass                                             *array.Boolean
	score                                            *array.Float32
	tokenIDs, tokenLogprobs                          lists
	tokenID                                          *array.Int32
	tokenLogprob                                     *array.Float32
	top                                              signalColumns
}

// lists gives the ranges of a list column; its elements live in arrays of their own.
type lists struct{ *array.List }

func (l lists) at(i int) (start, end int) {
	s, e := l.ValueOffsets(i)
	return int(s), int(e)
}

// columnFinder collects the arrays of a batch by name and remembers the first that is not what it should be.
type columnFinder struct {
	record arrow.Record
	err    error
}

func find[T arrow.Array](f *columnFinder, name string) (column T) {
	indices := f.record.Schema().FieldIndices(name)
	if len(indices) == 0 {
		f.fail("column %q is missing", name)
		return column
	}
	return typed[T](f, name, f.record.Column(indices[0]))
}

func typed[T arrow.Array](f *columnFinder, name string, a arrow.Array) (column T) {
	column, ok := a.(T)
	if !ok {
		f.fail("column %q has type %v", name, a.DataType())
	}
	return column
}

func (f *columnFinder) list(name string) lists { return lists{find[*array.List](f, name)} }

func (f *columnFinder) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// openColumns checks that record has the columns of the schema, whatever their order, and takes them apart.
func openColumns(record arrow.Record, version string, kind distill.SignalKind) (*columns, error) {
	f := &columnFinder{record: record}
	c := &columns{
		id: find[*array.String](f, "id"), promptID: find[*array.String](f, "prompt_id"),
		split: find[*array.String](f, "split"), sample: find[*array.Int32](f, "sample"),
		reasoning: find[*array.String](f, "reasoning"), response: find[*array.String](f, "response"),
		finish: find[*array.String](f, "finish_reason"), teacher: find[*array.String](f, "teacher"),
		promptTokens:     find[*array.Int32](f, "prompt_tokens"),
		completionTokens: find[*array.Int32](f, "completion_tokens"),
		reasoningTokens:  find[*array.Int32](f, "reasoning_tokens"),
		cost:             find[*array.Float64](f, "cost_usd"), latency: find[*array.Int64](f, "latency_ms"),
		created: find[*array.Timestamp](f, "created_at"), meta: find[*array.String](f, "meta"),
		messages: f.list("messages"), verdicts: f.list("verdicts"),
		tokenIDs: f.list("token_ids"), tokenLogprobs: f.list("token_logprobs"),
	}
	c.top = openSignal(f, version, kind)
	if f.err != nil {
		return nil, f.err
	}
	c.openElements(f)
	return c, f.err
}

func (c *columns) openElements(f *columnFinder) {
	if s := typed[*array.Struct](f, "messages", c.messages.ListValues()); f.err == nil && s.NumField() >= 2 {
		c.role, c.content = typed[*array.String](f, "messages.role", s.Field(0)), typed[*array.String](f, "messages.content", s.Field(1))
	}
	if s := typed[*array.Struct](f, "verdicts", c.verdicts.ListValues()); f.err == nil && s.NumField() >= 4 {
		c.name, c.pass = typed[*array.String](f, "verdicts.name", s.Field(0)), typed[*array.Boolean](f, "verdicts.pass", s.Field(1))
		c.score, c.detail = typed[*array.Float32](f, "verdicts.score", s.Field(2)), typed[*array.String](f, "verdicts.detail", s.Field(3))
	}
	c.tokenID = typed[*array.Int32](f, "token_ids", c.tokenIDs.ListValues())
	c.tokenLogprob = typed[*array.Float32](f, "token_logprobs", c.tokenLogprobs.ListValues())
	if f.err != nil {
		return
	}
	if c.role == nil || c.name == nil {
		f.fail("messages or verdicts lack a field")
	}
}

// row copies row i out of the batch: nothing in it aliases the batch, which can be freed.
func (c *columns) row(i int) (distill.Row, error) {
	text := c.texts(i)
	row := distill.Row{ID: strings.Clone(c.id.Value(i)), Sample: c.sample.Value(i)}
	row.CreatedAt = time.UnixMicro(int64(c.created.Value(i))).UTC()
	row.Prompt.ID = text.copy(c.promptID, i)
	row.Prompt.Split = distill.Split(text.copy(c.split, i))
	row.Teacher = text.copy(c.teacher, i)
	row.Reasoning = text.copy(c.reasoning, i)
	row.Response = text.copy(c.response, i)
	row.FinishReason = text.copy(c.finish, i)
	if start, end := c.messages.at(i); end > start {
		row.Prompt.Messages = make([]distill.Message, end-start)
		for j := range row.Prompt.Messages {
			row.Prompt.Messages[j] = distill.Message{Role: text.copy(c.role, start+j), Content: text.copy(c.content, start+j)}
		}
	}
	if start, end := c.verdicts.at(i); end > start {
		row.Verdicts = make([]distill.Verdict, end-start)
		for j := range row.Verdicts {
			row.Verdicts[j] = distill.Verdict{Name: text.copy(c.name, start+j), Pass: c.pass.Value(start + j),
				Score: c.score.Value(start + j), Detail: text.copy(c.detail, start+j)}
		}
	}
	row.PromptTokens, row.CompletionTokens = c.promptTokens.Value(i), c.completionTokens.Value(i)
	row.ReasoningTokens = c.reasoningTokens.Value(i)
	if c.cost.IsValid(i) {
		cost := c.cost.Value(i)
		row.CostUSD = &cost
	}
	row.Latency = time.Duration(c.latency.Value(i)) * time.Millisecond
	if err := c.tokens(i, &row); err != nil {
		return row, fmt.Errorf("row %s: %w", row.ID, err)
	}
	if c.meta.IsValid(i) {
		if err := decodeMeta(c.meta.Value(i), &row.Prompt); err != nil {
			return row, fmt.Errorf("row %s: %w", row.ID, err)
		}
	}
	return row, nil
}

func (c *columns) tokens(i int, row *distill.Row) (err error) {
	if c.tokenIDs.IsValid(i) {
		start, end := c.tokenIDs.at(i)
		row.TokenIDs = append(make([]distill.Token, 0, end-start), c.tokenID.Int32Values()[start:end]...)
	}
	if c.tokenLogprobs.IsValid(i) {
		start, end := c.tokenLogprobs.at(i)
		row.TokenLogprobs = append(make([]float32, 0, end-start), c.tokenLogprob.Float32Values()[start:end]...)
	}
	row.Signal, err = c.top.signal(i)
	return err
}

// texts returns a buffer with room for all texts of row i but the id and meta, so that a row costs one allocation for
// text instead of a dozen.
func (c *columns) texts(i int) *rowText {
	n := 0
	for _, column := range []*array.String{c.promptID, c.split, c.teacher, c.reasoning, c.response, c.finish} {
		n += column.ValueLen(i)
	}
	span := func(l lists, columns ...*array.String) {
		start, end := l.at(i)
		for j := start; j < end; j++ {
			for _, column := range columns {
				n += column.ValueLen(j)
			}
		}
	}
	span(c.messages, c.role, c.content)
	span(c.verdicts, c.name, c.detail)
	t := new(rowText)
	t.Grow(n)
	return t
}

type rowText struct{ strings.Builder }

func (t *rowText) copy(column *array.String, i int) string {
	start := t.Len()
	t.WriteString(column.Value(i))
	return t.String()[start:]
}
