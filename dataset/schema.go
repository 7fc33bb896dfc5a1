package dataset

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// Versions of the schema. They differ in how a signal lies in a row. In version 1, which other tools take as it is, every
// position has lists of its own. In version 2, in which datasets are kept, a row's entries lie in one list and a third
// column counts those of each position: the offsets of version 1 alone took eight bytes a token (docs/design/0004).
const (
	nested = "1"
	packed = "2"

	// Version is the one that this package writes; it reads both.
	Version = packed
)

// Keys of the schema's metadata.
const (
	metaVersion   = "distill.version"
	metaTeacher   = "distill.teacher"
	metaTokenizer = "distill.tokenizer"
	metaSignal    = "distill.signal"
)

var (
	messageType = arrow.StructOf(
		arrow.Field{Name: "role", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "content", Type: arrow.BinaryTypes.String},
	)
	verdictType = arrow.StructOf(
		arrow.Field{Name: "name", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "pass", Type: arrow.FixedWidthTypes.Boolean},
		arrow.Field{Name: "score", Type: arrow.PrimitiveTypes.Float32},
		arrow.Field{Name: "detail", Type: arrow.BinaryTypes.String},
	)
)

// Columns of the schema, in their order in the file; encoder and decoder go by these numbers.
const (
	colID = iota
	colPromptID
	colSplit
	colSample
	colMessages
	colReasoning
	colResponse
	colFinishReason
	colTeacher
	colPromptTokens
	colCompletionTokens
	colReasoningTokens
	colCostUSD
	colLatencyMS
	colCreatedAt
	colTokenIDs
	colTokenLogprobs
	colTopIDs
	colTopLogprobs
	colVerdicts
	colMeta
	colTopLengths // since version 2
)

func fields(version string) []arrow.Field {
	text, i32, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	columns := []arrow.Field{
		{Name: "id", Type: text},
		{Name: "prompt_id", Type: text},
		{Name: "split", Type: text},
		{Name: "sample", Type: i32},
		{Name: "messages", Type: arrow.ListOf(messageType)},
		{Name: "reasoning", Type: text, Nullable: true},
		{Name: "response", Type: text},
		{Name: "finish_reason", Type: text},
		{Name: "teacher", Type: text},
		{Name: "prompt_tokens", Type: i32},
		{Name: "completion_tokens", Type: i32},
		{Name: "reasoning_tokens", Type: i32},
		{Name: "cost_usd", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "latency_ms", Type: i64},
		{Name: "created_at", Type: &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}},
		{Name: "token_ids", Type: arrow.ListOf(i32), Nullable: true},
		{Name: "token_logprobs", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32), Nullable: true},
		{Name: "top_ids", Type: arrow.ListOf(arrow.ListOf(i32)), Nullable: true},
		{Name: "top_logprobs", Type: arrow.ListOf(arrow.ListOf(arrow.FixedWidthTypes.Float16)), Nullable: true},
		{Name: "verdicts", Type: arrow.ListOf(verdictType)},
		{Name: "meta", Type: text, Nullable: true},
	}
	if version == nested {
		return columns
	}
	columns[colTopIDs].Type = arrow.ListOf(i32)
	columns[colTopLogprobs].Type = arrow.ListOf(arrow.FixedWidthTypes.Float16)
	return append(columns, arrow.Field{Name: "top_lengths", Type: arrow.ListOf(arrow.PrimitiveTypes.Uint16), Nullable: true})
}

// Origin says where the rows of a shard come from. It is written into the schema's metadata.
type Origin struct {
	Teacher       string             // name of the teacher that was asked
	TokenizerHash string             // identity of the vocabulary that token ids are in; empty when there are none
	Signal        distill.SignalKind // what top_ids and top_logprobs hold; empty means [distill.NoSignal]
}

// Schema returns the Arrow schema that other tools are given, version 1, with origin in its metadata under distill.version,
// distill.teacher, distill.tokenizer and distill.signal.
//
// Text is UTF-8 (what is not is written as U+FFFD), times have microseconds, log-probabilities are natural; those in
// top_logprobs are rounded to binary16. meta is a JSON object with the members reference (the expected answer) and
// fields (the prompt's own).
func Schema(origin Origin) *arrow.Schema { return schemaOf(nested, origin) }

func schemaOf(version string, origin Origin) *arrow.Schema {
	if origin.Signal == "" {
		origin.Signal = distill.NoSignal
	}
	metadata := arrow.NewMetadata(
		[]string{metaVersion, metaTeacher, metaTokenizer, metaSignal},
		[]string{version, origin.Teacher, origin.TokenizerHash, string(origin.Signal)})
	return arrow.NewSchema(fields(version), &metadata)
}

// originOf reads what schemaOf wrote, and refuses a version it does not know.
func originOf(schema *arrow.Schema) (version string, origin Origin, err error) {
	get := func(key string) string {
		metadata := schema.Metadata()
		if i := metadata.FindKey(key); i >= 0 {
			return metadata.Values()[i]
		}
		return ""
	}
	if version = get(metaVersion); version == "" {
		return "", origin, fmt.Errorf("not a distill dataset: no %s in the schema's metadata", metaVersion)
	}
	if err := readable(version); err != nil {
		return "", origin, err
	}
	origin = Origin{get(metaTeacher), get(metaTokenizer), distill.SignalKind(get(metaSignal))}
	switch origin.Signal {
	case distill.NoSignal, distill.TopK, distill.Sampled:
		return version, origin, nil
	}
	return "", origin, fmt.Errorf("unknown signal kind %q in the schema's metadata", origin.Signal)
}

func readable(version string) error {
	if version != nested && version != packed {
		return fmt.Errorf("schema version %q: this program reads %s and %s", version, nested, packed)
	}
	return nil
}
