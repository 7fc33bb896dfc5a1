package grammar

import (
	stdjson "encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemas that can be guaranteed; the texts that come of them are held against another implementation of JSON Schema.
var schemas = []string{
	`{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name","age"],"additionalProperties":false}`,
	`{"type":"object","properties":{"a":{"type":"number"},"b":{"type":"boolean"},"c":{"type":"null"}},"required":["b"]}`,
	`{"type":"array","items":{"enum":["red","green",3,null,{"x":[1]}]},"minItems":2,"maxItems":4}`,
	`{"anyOf":[{"type":"string","minLength":2,"maxLength":5},{"type":"integer"},{"const":{"k":"é"}}]}`,
	`{"$ref":"#/$defs/node","$defs":{"node":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false}}}`,
	`{"type":["string","null"],"title":"t","description":"d","maxLength":0}`,
	`{"type":"object","additionalProperties":{"type":"array","items":{"type":"boolean"}}}`,
	`{"type":"object","properties":{"q\"uo<te":true},"required":["q\"uo<te"]}`,
	`{"properties":{"x":{"allOf":[{"type":"integer"}]}}}`, `{"items":{"type":"integer"},"type":"array","maxItems":0}`, `{"type":"object","additionalProperties":false}`,
	`true`, `{}`,
	`{"type":"integer","minimum":-3,"maximum":120}`, `{"type":"integer","exclusiveMinimum":99,"exclusiveMaximum":101}`, `{"type":"integer","minimum":995,"multipleOf":7}`,
	`{"type":"number","minimum":0.25,"maximum":0.5}`, `{"type":"number","exclusiveMinimum":-1.5,"maximum":-0.125}`, `{"type":"number","exclusiveMinimum":0}`,
	`{"type":"number","maximum":-12.5}`, `{"type":"number","multipleOf":0.05,"minimum":-1,"maximum":12}`, `{"type":["integer","string"],"minimum":1e2,"maxLength":1}`,
	`{"type":"string","pattern":"^[A-Z]{2}-\\d{3,4}$"}`, `{"type":"string","pattern":"colou?r|\"|\\n","maxLength":12}`, `{"type":"string","pattern":"^(a|b)*c.$","minLength":4}`,
	`{"type":"string","pattern":"[^ -~]é?"}`, `{"pattern":"^\\w+@\\w+\\.(com|org)$","maxLength":14}`, `{"type":"string","pattern":"^$"}`,
	`{"type":"array","prefixItems":[{"type":"integer"},{"type":"boolean"}],"items":{"type":"null"},"minItems":1,"maxItems":4}`,
	`{"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false}`, `{"prefixItems":[{"const":1},{"const":2}],"minItems":2}`,
	`{"oneOf":[{"type":"object","properties":{"kind":{"const":"circle"},"r":{"type":"number","minimum":0}},"required":["kind","r"]},{"$ref":"#/$defs/square"}],"$defs":{"square":{"type":"object","properties":{"kind":{"const":"square"},"side":{"type":"integer","minimum":1}},"required":["kind","side"]}}}`,
	`{"oneOf":[{"type":"string","maxLength":2},{"type":"integer"},{"enum":[null,true]}]}`,
	`{"oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"],"additionalProperties":false},{"type":"object","properties":{"b":{"type":"null"}},"required":["b"],"additionalProperties":false}]}`,
	`{"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3,"maximum":8},"b":{"type":"null"}},"required":["b"]}]}`,
	`{"type":"object","properties":{"a":{"type":"boolean"}},"anyOf":[{"required":["a"]},{"properties":{"c":{"type":"null"}},"required":["c"]}]}`,
	`{"$ref":"#/$defs/word","minLength":2,"$defs":{"word":{"type":"string","maxLength":3}}}`, `{"type":"string","enum":[1,"a",null,"b"]}`, `{"type":"integer","enum":[1.0,2.5,"a"]}`,
	`{"type":"object","properties":{"a":{"type":"null"},"never":false},"required":["x"],"additionalProperties":{"type":"boolean"}}`,
	`{"anyOf":[{"$ref":"#/$defs/endless"},{"type":"null"}],"$defs":{"endless":{"type":"array","items":{"$ref":"#/$defs/endless"},"minItems":1}}}`,
}

// judgeOf compiles a schema with another implementation.
func judgeOf(t *testing.T, schema string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	judge, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return judge
}

func TestSchemas(t *testing.T) {
	for _, text := range schemas {
		g, err := Schema([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		judge := judgeOf(t, text)
		finished := 0
		for seed := range uint64(60) {
			written, whole := wander(g, singleBytes(), seed, 300)
			if !whole {
				continue
			}
			finished++
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(written))
			if err == nil {
				err = judge.Validate(value)
			}
			if err != nil {
				t.Errorf("%s: wrote %q: %v", text, written, err)
			}
		}
		if finished < 15 {
			t.Errorf("%s: only %d of 60 texts came to an end", text, finished)
		}
	}
}

func TestSchemasRefused(t *testing.T) {
	for text, word := range map[string]string{
		`{`: "no JSON", `3`: "no object", `false`: "admits nothing", `{"type":"array","uniqueItems":true}`: `"uniqueItems" cannot be guaranteed`,
		`{"not":{}}`: "not", `{"oneOf":[{},{}]}`: "anyOf admits both", `{"oneOf":[{"type":"integer"},{"type":"number"}]}`: "may hold together", `{"type":"date"}`: "no type",
		`{"$ref":"http://x"}`: "not in this schema", `{"$ref":"#/$defs/a"}`: "there is no", `{"$ref":"#"}`: "nothing but itself",
		`{"type":"object","properties":{"a":{"type":"text"}}}`: "#/properties/a/type", `{"type":"array","minItems":100000}`: "counts",
		`{"type":"array","minItems":3,"maxItems":2}`: "counts", `{"type":"object","required":["x"],"additionalProperties":false}`: "admits nothing",
		`{"enum":[]}`: "admits nothing", `{"type":"string","enum":[1]}`: "admits nothing", `{"enum":["a"],"minLength":3}`: "beside values",
		`{"allOf":[{"pattern":"a"},{"pattern":"b"}]}`: "two of \"pattern\"", `{"type":7}`: "type", strings.Repeat(`{"items":`, 100) + "{}" + strings.Repeat("}", 100): "too deep",
		`{"anyOf":[{"$ref":"#"},{"type":"null"}]}`: "itself", `{"anyOf":[{"allOf":[{"$ref":"#"}]}]}`: "itself",
		`{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}`: "itself",
		`{"type":"string","pattern":"(?=a)"}`:                                              "pattern", `{"type":"string","pattern":"\\bword"}`: "boundaries", `{"type":"string","pattern":"^(a{40}){40}$"}`: "pattern",
		`{"type":"integer","minimum":2.1,"maximum":2.9}`: "admits nothing", `{"type":"integer","multipleOf":123456}`: "multipleOf", `{"type":"number","minimum":1e999}`: "bound",
		`{"type":"number","minimum":2e15}`: "admits nothing", `{"type":"array","items":{"$ref":"#"},"minItems":1}`: "admits nothing",
		`{"allOf":[{"properties":{"a":{}},"additionalProperties":false},{"properties":{"b":{}}}]}`: "another schema",
		`{"type":"object","if":{},"then":{}}`:                                                      "if", `{"allOf":[{"type":"string"},{"type":"integer"}]}`: "admits nothing",
	} {
		if _, err := Schema([]byte(text)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want a word about %s", text, err, word)
		}
	}
}

// TestNumbers: among all short texts, the language of a schema's numbers has exactly those that the schema admits.
func TestNumbers(t *testing.T) {
	for _, schema := range []string{
		`{"type":"integer","minimum":-12,"maximum":105}`, `{"type":"integer","exclusiveMinimum":-1,"exclusiveMaximum":10}`, `{"type":"integer","multipleOf":3,"maximum":40}`,
		`{"type":"number","minimum":-0.5,"maximum":1.25}`, `{"type":"number","exclusiveMinimum":0.1,"exclusiveMaximum":11.1}`, `{"type":"number","multipleOf":0.25,"minimum":-2}`,
		`{"type":"number","maximum":0}`, `{"type":"number","exclusiveMaximum":0}`,
	} {
		g, err := Schema([]byte(schema))
		if err != nil {
			t.Fatal(err)
		}
		judge, accepted := judgeOf(t, schema), reader(g)
		for _, sign := range []string{"", "-"} {
			for n := range 6_000 {
				for decimals := range 4 {
					scale := []int{1, 10, 100, 1000}[decimals]
					if n/scale > 150 || strings.Contains(schema, "integer") && decimals > 0 || strings.Contains(schema, "multipleOf") && decimals > 2 {
						continue
					}
					text := sign + strconv.FormatFloat(float64(n)/float64(scale), 'f', decimals, 64)
					value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
					if err != nil {
						t.Fatal(err)
					}
					if valid := judge.Validate(value) == nil; valid != accepted(text) && strings.Trim(text, "-0.") != "" {
						t.Fatalf("%s: %s is valid: %v", schema, text, valid)
					}
				}
			}
		}
	}
}

// TestPatterns: among short texts, the language of a pattern has exactly those that it matches.
func TestPatterns(t *testing.T) {
	letters := []string{"a", "b", "1", "é", "\n", "\"", "\\", "😀", "\u2028"}
	for _, pattern := range []string{`a`, `^a`, `b$`, `^(ab|b)*$`, `a.b`, `[^a]`, `^\w*$`, `\\`, `"`, `^[é-😀]+$`, `^.?$`, `a{2,}`, `^a|b$`, `(^a)?b`, ``, `\d\D`, `x*`} {
		schema, err := stdjson.Marshal(map[string]any{"type": "string", "pattern": pattern, "maxLength": 3})
		if err != nil {
			t.Fatal(err)
		}
		g, err := Schema(schema)
		if err != nil {
			t.Fatal(err)
		}
		// JavaScript's line ends: Go's dot takes two of them.
		judge := regexp.MustCompile(strings.ReplaceAll(pattern, ".", "[^\n\r\u2028\u2029]"))
		accepted := reader(g)
		var try func(s string, n int)
		try = func(s string, n int) {
			written := strings.NewReplacer("\\", `\\`, `"`, `\"`, "\n", `\u000a`).Replace(s)
			if want := judge.MatchString(s); want != accepted(`"`+written+`"`) {
				t.Errorf("%s: %q matches: %v", pattern, s, want)
			}
			for _, l := range letters {
				if n < 3 {
					try(s+l, n+1)
				}
			}
		}
		try("", 0)
	}
}

func FuzzSchema(f *testing.F) {
	for _, s := range schemas {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, schema []byte) {
		if len(schema) > 300 {
			return
		}
		if g, err := Schema(schema); err == nil {
			if text, whole := wander(g, singleBytes(), 1, 200); whole && !stdjson.Valid([]byte(text)) {
				t.Errorf("%s: wrote %q", schema, text)
			}
		}
	})
}
