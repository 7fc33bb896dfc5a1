package dataset

import (
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/seed-d24fde5f/distill"
)

// Version is the schema version that this package writes, and the only one it reads.
const Version = "1"

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
	columnCount
)

func fields() []arrow.Field {
	text, i32, i64 := arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int32, arrow.PrimitiveTypes.Int64
	return []arrow.Field{
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
}

// Origin says where the rows of a shard come from. It is written into the schema's metadata.
type Origin struct {
	Teacher       string             // name of the teacher that was asked
	TokenizerHash string             // identity of the vocabulary that token ids are in; empty when there are none
	Signal        distill.SignalKind // what top_ids and top_logprobs hold; empty means [distill.NoSignal]
}

// Schema returns the Arrow schema, version 1, with origin in its metadata under distill.version, distill.teacher,
// distill.tokenizer and distill.signal.
//
// Text is UTF-8 (what is not is written as U+FFFD), times have microseconds, log-probabilities are natural; those in
// top_logprobs are rounded to binary16. meta is a JSON object with the members reference (the expected answer) and
// fields (the prompt's own).
func Schema(origin Origin) *arrow.Schema {
	if origin.Signal == "" {
		origin.Signal = distill.NoSignal
	}
	metadata := arrow.NewMetadata(
		[]string{metaVersion, metaTeacher, metaTokenizer, metaSignal},
		[]string{Version, origin.Teacher, origin.TokenizerHash, string(origin.Signal)})
	return arrow.NewSchema(fields(), &metadata)
}

// originOf reads what [Schema] wrote, and refuses another version.
func originOf(schema *arrow.Schema) (Origin, error) {
	get := func(key string) string {
		metadata := schema.Metadata()
		if i := metadata.FindKey(key); i >= 0 {
			return metadata.Values()[i]
		}
		return ""
	}
	switch version := get(metaVersion); version {
	case Version:
	case "":
		return Origin{}, fmt.Errorf("not a distill dataset: no %s in the schema's metadata", metaVersion)
	default:
		return Origin{}, fmt.Errorf("schema version %q: this program reads version %s", version, Version)
	}
	origin := Origin{get(metaTeacher), get(metaTokenizer), distill.SignalKind(get(metaSignal))}
	switch origin.Signal {
	case distill.NoSignal, distill.TopK, distill.Sampled:
		return origin, nil
	}
	return Origin{}, fmt.Errorf("unknown signal kind %q in the schema's metadata", origin.Signal)
}
