package verify

import (
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-d24fde5f/distill"
)

// JSON passes a response that is one JSON value, alone or in a fenced block, and satisfies schema, a JSON Schema as
// text (draft 2020-12 unless it says otherwise). An empty schema asks for nothing but JSON. Schemas elsewhere are not
// fetched.
func JSON(schema string) (Verifier, error) {
	var compiled *jsonschema.Schema
	if strings.TrimSpace(schema) != "" {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
		if err != nil {
			return nil, fmt.Errorf("verify: schema: %w", err)
		}
		compiler := jsonschema.NewCompiler()
		compiler.UseLoader(nowhere{})
		if err := compiler.AddResource("answer.json", document); err != nil {
			return nil, fmt.Errorf("verify: schema: %w", err)
		}
		if compiled, err = compiler.Compile("answer.json"); err != nil {
			return nil, fmt.Errorf("verify: schema: %w", err)
		}
	}
	return check{"json", func(row *distill.Row) (bool, float32, string, error) {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(unfence(row.Response)))
		if err == nil && compiled != nil {
			err = compiled.Validate(value)
		}
		if err != nil {
			return false, 0, strings.Join(strings.Fields(err.Error()), " "), nil
		}
		return true, 1, "", nil
	}}, nil
}

// nowhere loads no schema but the one that was given.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) { return nil, fmt.Errorf("%s: not fetched", url) }

// unfence returns the content of the last fenced block of a text, or the text.
func unfence(text string) string {
	const fence = "```"
	end := strings.LastIndex(text, fence)
	if end < 0 {
		return text
	}
	start := strings.LastIndex(text[:end], fence)
	if start < 0 {
		return text
	}
	block := text[start+len(fence) : end]
	if line, rest, ok := strings.Cut(block, "\n"); ok && !strings.ContainsAny(line, "{[\"") {
		return rest // the line of the opening fence names the language
	}
	return block
}
