package grammar

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxRepeat bounds what a schema may count: every count becomes as many rules.
const maxRepeat = 1000

// maxRules bounds a schema's rules in all.
const maxRules = 100_000

// ErrSchema says that a schema asks for what cannot be guaranteed here.
var ErrSchema = errors.New("grammar: JSON Schema")

// Schema returns the language of JSON texts that a JSON Schema (draft 2020-12) admits, of which it writes some: properties
// come in the schema's order, and none but those named. It knows type, properties, required, additionalProperties, items,
// minItems, maxItems, minLength, maxLength, enum, const, anyOf, allOf of one, $ref within the schema, and boolean schemas;
// titles, descriptions, defaults, examples and formats are annotations. Everything else is an error: what is not enforced
// is not accepted either.
func Schema(schema []byte) (*Grammar, error) {
	if len(schema) > 1<<20 {
		return nil, fmt.Errorf("%w: longer than 1 MiB", ErrSchema)
	}
	if !stdjson.Valid(schema) {
		return nil, fmt.Errorf("%w: is no JSON", ErrSchema)
	}
	var b builder
	c := &compiler{json: newJSON(&b), root: schema, refs: map[string]symbol{}}
	start, err := c.compile(schema, "#", 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if leftRecursive(b.rules) {
		return nil, fmt.Errorf("%w: a part of it is nothing but itself", ErrSchema)
	}
	return b.grammar(start), nil
}

type compiler struct {
	*json
	root []byte
	refs map[string]symbol // by pointer, also those not finished yet
}

// annotations change nothing about what is valid.
var annotations = []string{"title", "description", "default", "examples", "example", "format", "deprecated", "readOnly", "writeOnly",
	"$schema", "$id", "$comment", "$defs", "definitions"}

// schemaKeys are the keywords of a schema object that are enforced.
type schemaKeys struct {
	Type                 stdjson.RawMessage
	Properties           stdjson.RawMessage
	Required             []string
	AdditionalProperties stdjson.RawMessage
	Items                stdjson.RawMessage
	MinItems, MaxItems   *int
	MinLength, MaxLength *int
	Enum                 []stdjson.RawMessage
	Const                stdjson.RawMessage
	AnyOf                []stdjson.RawMessage
	AllOf                []stdjson.RawMessage
	Ref                  string `json:"$ref"`
}

// compile returns a rule for the schema at a pointer.
func (c *compiler) compile(schema []byte, at string, depth int) (symbol, error) {
	if depth > 64 || len(c.rules) > maxRules {
		return symbol{}, fmt.Errorf("%s: too deep or too large", at)
	}
	switch s := string(bytes.TrimSpace(schema)); {
	case s == "true":
		return c.value, nil
	case s == "false":
		return symbol{}, fmt.Errorf("%s: admits nothing", at)
	case !strings.HasPrefix(s, "{"):
		return symbol{}, fmt.Errorf("%s: is no object", at)
	}
	members, err := ordered(schema)
	if err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	for _, m := range members {
		if !slices.Contains(annotations, m.key) && !known(m.key) {
			return symbol{}, fmt.Errorf("%s: %q cannot be guaranteed", at, m.key)
		}
	}
	var k schemaKeys
	if err := stdjson.Unmarshal(schema, &k); err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	return c.keywords(&k, at, depth)
}

func known(key string) bool {
	return slices.Contains([]string{"type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minLength", "maxLength",
		"enum", "const", "anyOf", "allOf", "$ref"}, key)
}

func (c *compiler) keywords(k *schemaKeys, at string, depth int) (symbol, error) {
	switch {
	case k.Ref != "":
		return c.reference(k.Ref, at, depth)
	case k.Const != nil:
		return c.literals([]stdjson.RawMessage{k.Const}, at)
	case k.Enum != nil:
		return c.literals(k.Enum, at)
	case k.AnyOf != nil:
		return c.union(k.AnyOf, at+"/anyOf", depth)
	case len(k.AllOf) == 1:
		return c.compile(k.AllOf[0], at+"/allOf/0", depth+1)
	case k.AllOf != nil:
		return symbol{}, fmt.Errorf("%s: allOf of several cannot be guaranteed", at)
	}
	var types []string
	switch {
	case k.Type == nil && k.Properties != nil:
		types = []string{"object"}
	case k.Type == nil && k.Items != nil:
		types = []string{"array"}
	case k.Type == nil:
		return c.value, nil
	case stdjson.Unmarshal(k.Type, &types) != nil:
		types = []string{""}
		if err := stdjson.Unmarshal(k.Type, &types[0]); err != nil {
			return symbol{}, fmt.Errorf("%s/type: %w", at, err)
		}
	}
	var alternatives []sequence
	for _, name := range types {
		s, err := c.typed(name, k, at, depth)
		if err != nil {
			return symbol{}, err
		}
		alternatives = append(alternatives, sequence{s})
	}
	return c.any(alternatives...), nil
}

func (c *compiler) typed(name string, k *schemaKeys, at string, depth int) (symbol, error) {
	switch name {
	case "null":
		return c.any(text("null")), nil
	case "boolean":
		return c.any(text("true"), text("false")), nil
	case "integer":
		return c.integer, nil
	case "number":
		return c.number, nil
	case "string":
		least, most, err := bounds(k.MinLength, k.MaxLength, at)
		return c.quoted(least, most), err
	case "array":
		least, most, err := bounds(k.MinItems, k.MaxItems, at)
		if err != nil {
			return symbol{}, err
		}
		item := c.value
		if k.Items != nil {
			if item, err = c.compile(k.Items, at+"/items", depth+1); err != nil {
				return symbol{}, err
			}
		}
		return c.arrayOf(item, least, most), nil
	case "object":
		return c.objectOf(k, at, depth)
	}
	return symbol{}, fmt.Errorf("%s/type: %q is no type", at, name)
}

func bounds(least, most *int, at string) (low, high int, err error) {
	high = -1
	if least != nil {
		low = *least
	}
	if most != nil {
		high = *most
	}
	if low < 0 || low > maxRepeat || high > maxRepeat || most != nil && high < low {
		return 0, 0, fmt.Errorf("%s: counts from %d to %d cannot be guaranteed (at most %d)", at, low, high, maxRepeat)
	}
	return low, high, nil
}

func (c *compiler) objectOf(k *schemaKeys, at string, depth int) (symbol, error) {
	members, err := ordered(k.Properties)
	if err != nil {
		return symbol{}, fmt.Errorf("%s/properties: %w", at, err)
	}
	if len(members) == 0 && len(k.Required) == 0 {
		return c.mapOf(k.AdditionalProperties, at, depth)
	}
	if a := string(bytes.TrimSpace(k.AdditionalProperties)); strings.HasPrefix(a, "{") && a != "{}" {
		return symbol{}, fmt.Errorf("%s/additionalProperties: beside properties, a schema cannot be guaranteed", at)
	}
	pairs := make([]sequence, len(members))
	needed := make([]bool, len(members))
	for i, m := range members {
		value, err := c.compile(m.value, at+"/properties/"+m.key, depth+1)
		if err != nil {
			return symbol{}, err
		}
		pairs[i] = join(text(quote(m.key)), text(":"), sequence{c.blank, value})
		needed[i] = slices.Contains(k.Required, m.key)
	}
	for _, name := range k.Required {
		if !slices.ContainsFunc(members, func(m member) bool { return m.key == name }) {
			return symbol{}, fmt.Errorf("%s/required: %q is not among the properties", at, name)
		}
	}
	// From the last property to the first: what may follow when nothing, or something, has been written before it.
	first, after := c.any(nil), c.any(nil)
	for i, pair := range slices.Backward(pairs) {
		begin := []sequence{join(pair, sequence{after})}
		next := []sequence{join(text(","), sequence{c.space}, pair, sequence{after})}
		if !needed[i] {
			begin, next = append(begin, sequence{first}), append(next, sequence{after})
		}
		first, after = c.any(begin...), c.any(next...)
	}
	return c.any(c.braced(first)), nil
}

// mapOf is an object of any names.
func (c *compiler) mapOf(values []byte, at string, depth int) (symbol, error) {
	value := c.value
	if values != nil {
		if string(bytes.TrimSpace(values)) == "false" {
			return c.any(c.braced(c.any(nil))), nil
		}
		var err error
		if value, err = c.compile(values, at+"/additionalProperties", depth+1); err != nil {
			return symbol{}, err
		}
	}
	return c.any(c.braced(c.any(nil, c.listed(sequence{c.text, one(":", ""), c.blank, value}, 1, -1)))), nil
}

func (c *compiler) union(schemas []stdjson.RawMessage, at string, depth int) (symbol, error) {
	var alternatives []sequence
	for i, schema := range schemas {
		s, err := c.compile(schema, fmt.Sprintf("%s/%d", at, i), depth+1)
		if err != nil {
			return symbol{}, err
		}
		alternatives = append(alternatives, sequence{s})
	}
	if len(alternatives) == 0 {
		return symbol{}, fmt.Errorf("%s: admits nothing", at)
	}
	return c.any(alternatives...), nil
}

// literals are the values of an enum, compact.
func (c *compiler) literals(values []stdjson.RawMessage, at string) (symbol, error) {
	var alternatives []sequence
	for _, v := range values {
		var b bytes.Buffer
		if err := stdjson.Compact(&b, v); err != nil {
			return symbol{}, fmt.Errorf("%s/enum: %w", at, err)
		}
		alternatives = append(alternatives, text(b.String()))
	}
	if len(alternatives) == 0 {
		return symbol{}, fmt.Errorf("%s/enum: admits nothing", at)
	}
	return c.any(alternatives...), nil
}

// reference is a rule shared by all references to one pointer, so that schemas may contain themselves.
func (c *compiler) reference(pointer, at string, depth int) (symbol, error) {
	if s, ok := c.refs[pointer]; ok {
		return s, nil
	}
	path, ok := strings.CutPrefix(pointer, "#")
	if !ok {
		return symbol{}, fmt.Errorf("%s/$ref: %q is not in this schema", at, pointer)
	}
	target := c.root
	for _, name := range strings.Split(strings.TrimPrefix(path, "/"), "/") {
		if name == "" {
			continue
		}
		members, err := ordered(target)
		i := slices.IndexFunc(members, func(m member) bool {
			return m.key == strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		})
		if err != nil || i < 0 {
			return symbol{}, fmt.Errorf("%s/$ref: there is no %q", at, pointer)
		}
		target = members[i].value
	}
	s := c.later()
	c.refs[pointer] = s
	is, err := c.compile(target, pointer, depth+1)
	if err != nil {
		return symbol{}, err
	}
	c.set(s, sequence{is})
	return s, nil
}

// member is a name and value of an object, whose order encoding/json does not keep.
type member struct {
	key   string
	value stdjson.RawMessage
}

func ordered(object []byte) ([]member, error) {
	if object == nil {
		return nil, nil
	}
	d := stdjson.NewDecoder(bytes.NewReader(object))
	if t, err := d.Token(); err != nil || t != stdjson.Delim('{') {
		return nil, errors.New("is no object")
	}
	var members []member
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var m member
		m.key, _ = key.(string) // names of an object are strings
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

// quote writes a name as JSON, with nothing escaped that need not be.
func quote(name string) string {
	var b bytes.Buffer
	e := stdjson.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(name); err != nil {
		panic("grammar: " + err.Error()) // a string encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
