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
// come in the schema's order, and none but those named or required; numbers have at most 15 digits on either side of the
// point. It knows type, enum, const, properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
// minLength, maxLength, pattern (without lookaround, back-references and \b), minimum, maximum, exclusiveMinimum,
// exclusiveMaximum, multipleOf, anyOf, oneOf of alternatives that exclude each other, allOf, $ref within the schema, and
// boolean schemas; titles, descriptions, defaults, examples and formats are annotations. Everything else is an error: what
// is not enforced is not accepted either.
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
	if len(b.rules) > maxRules {
		return nil, fmt.Errorf("%w: too large", ErrSchema)
	}
	if leftRecursive(b.rules) {
		return nil, fmt.Errorf("%w: a part of it is nothing but itself", ErrSchema)
	}
	if !prune(b.rules)[start.rule] {
		return nil, fmt.Errorf("%w: admits nothing", ErrSchema)
	}
	return b.grammar(start), nil
}

type compiler struct {
	*json
	root []byte
	refs map[string]symbol // by pointer, also those not finished yet
	work int               // steps of taking schemas together
}

// annotations change nothing about what is valid.
var annotations = []string{"title", "description", "default", "examples", "example", "format", "deprecated", "readOnly", "writeOnly",
	"$schema", "$id", "$comment", "$defs", "definitions"}

// schemaKeys are the keywords of a schema object that are enforced, those that combine schemas left out.
type schemaKeys struct {
	Type                               stdjson.RawMessage
	Properties                         stdjson.RawMessage
	Required                           []string
	AdditionalProperties               stdjson.RawMessage
	Items                              stdjson.RawMessage
	PrefixItems                        []stdjson.RawMessage
	MinItems, MaxItems                 *int
	MinLength, MaxLength               *int
	Pattern                            *string
	Minimum, Maximum                   *stdjson.Number
	ExclusiveMinimum, ExclusiveMaximum *stdjson.Number
	MultipleOf                         *stdjson.Number
	Enum                               []stdjson.RawMessage
	Const                              stdjson.RawMessage
}

var known = []string{"type", "properties", "required", "additionalProperties", "items", "prefixItems", "minItems", "maxItems", "minLength",
	"maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "enum", "const",
	"anyOf", "oneOf", "allOf", "$ref"}

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
	if members, err = asserting(members); err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	if len(members) == 1 && members[0].key == "$ref" { // a schema may contain itself
		var pointer string
		if err := stdjson.Unmarshal(members[0].value, &pointer); err != nil {
			return symbol{}, fmt.Errorf("%s/$ref: %w", at, err)
		}
		return c.reference(pointer, at, depth)
	}
	choices, err := c.combined(members, at, depth)
	if err != nil {
		return symbol{}, err
	}
	var alternatives []sequence
	for _, choice := range choices {
		s, err := c.plain(choice, at, depth)
		if err != nil {
			return symbol{}, err
		}
		alternatives = append(alternatives, sequence{s})
	}
	return c.any(alternatives...), nil
}

// asserting returns the members of a schema that change what is valid, and refuses those that are not known.
func asserting(members []member) ([]member, error) {
	var out []member
	for _, m := range members {
		switch {
		case slices.Contains(annotations, m.key):
		case !slices.Contains(known, m.key):
			return nil, fmt.Errorf("%q cannot be guaranteed", m.key)
		default:
			out = append(out, m)
		}
	}
	return out, nil
}

// plain returns a rule for a schema without combinations.
func (c *compiler) plain(s alternative, at string, depth int) (symbol, error) {
	if s.ref != "" {
		return c.reference(s.ref, at, depth)
	}
	k, err := keysOf(s.members)
	if err != nil {
		return symbol{}, fmt.Errorf("%s: %w", at, err)
	}
	types, err := k.types()
	if err != nil {
		return symbol{}, fmt.Errorf("%s/type: %w", at, err)
	}
	if values := k.values(); values != nil {
		for _, m := range s.members {
			if !slices.Contains([]string{"type", "enum", "const"}, m.key) {
				return symbol{}, fmt.Errorf("%s: %q beside values that are listed cannot be guaranteed", at, m.key)
			}
		}
		return c.literals(values, types, at)
	}
	if types == nil {
		if types = impliedTypes(s.members); types == nil {
			return c.value, nil
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

// keysOf reads the keywords of a schema.
func keysOf(members []member) (*schemaKeys, error) {
	k := new(schemaKeys)
	return k, stdjson.Unmarshal(object(members), k)
}

// types returns the types that a schema names, nil where it names none.
func (k *schemaKeys) types() ([]string, error) {
	if k.Type == nil {
		return nil, nil
	}
	types := []string{""}
	if err := stdjson.Unmarshal(k.Type, &types[0]); err != nil {
		if err := stdjson.Unmarshal(k.Type, &types); err != nil {
			return nil, err
		}
	}
	return types, nil
}

// values are those that enum and const list, nil where neither is there.
func (k *schemaKeys) values() []stdjson.RawMessage {
	if k.Const == nil {
		return k.Enum
	}
	if k.Enum == nil || slices.ContainsFunc(k.Enum, func(v stdjson.RawMessage) bool { return sameValue(v, k.Const) }) {
		return []stdjson.RawMessage{k.Const}
	}
	return []stdjson.RawMessage{}
}

// impliedTypes are what is written where a schema has keywords for some type without naming it; values of another type
// would be valid too. nil is any value.
func impliedTypes(members []member) []string {
	for _, m := range members {
		switch m.key {
		case "properties", "required", "additionalProperties":
			return []string{"object"}
		case "items", "prefixItems", "minItems", "maxItems":
			return []string{"array"}
		case "minLength", "maxLength", "pattern":
			return []string{"string"}
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf":
			return []string{"number"}
		}
	}
	return nil
}

func (c *compiler) typed(name string, k *schemaKeys, at string, depth int) (symbol, error) {
	switch name {
	case "null":
		return c.any(text("null")), nil
	case "boolean":
		return c.any(text("true"), text("false")), nil
	case "integer", "number":
		return c.numberOf(k, name == "integer", at)
	case "string":
		least, most, err := bounds(k.MinLength, k.MaxLength, at)
		if err != nil || k.Pattern == nil {
			return c.quoted(least, most), err
		}
		return c.matching(*k.Pattern, least, most, at)
	case "array":
		return c.tupleOf(k, at, depth)
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

// literals are those of the values that have one of the types, compact. types is nil for any.
func (c *compiler) literals(values []stdjson.RawMessage, types []string, at string) (symbol, error) {
	var alternatives []sequence
	for _, v := range values {
		if types != nil && !slices.ContainsFunc(typesOf(v), func(name string) bool { return slices.Contains(types, name) }) {
			continue
		}
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
	target, err := c.target(pointer, at)
	if err != nil {
		return symbol{}, err
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

// target returns the schema that a pointer within this one leads to.
func (c *compiler) target(pointer, at string) ([]byte, error) {
	path, ok := strings.CutPrefix(pointer, "#")
	if !ok {
		return nil, fmt.Errorf("%s/$ref: %q is not in this schema", at, pointer)
	}
	target := c.root
	for name := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if name == "" {
			continue
		}
		members, err := ordered(target)
		i := slices.IndexFunc(members, func(m member) bool {
			return m.key == strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
		})
		if err != nil || i < 0 {
			return nil, fmt.Errorf("%s/$ref: there is no %q", at, pointer)
		}
		target = members[i].value
	}
	return target, nil
}
