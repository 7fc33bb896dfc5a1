package grammar

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
)

// maxAlternatives bounds what anyOf within allOf within anyOf can multiply to.
const maxAlternatives = 256

// maxWork bounds how many schemas are taken together or held against each other: references can make that endless.
const maxWork = 20_000

// spend counts a step of such work.
func (c *compiler) spend(at string, depth int) error {
	if c.work++; depth > 64 || c.work > maxWork {
		return fmt.Errorf("%s: too deep or too large", at)
	}
	return nil
}

// alternative is a schema without combinations, or a reference alone, which may lead to a schema that contains it.
type alternative struct {
	members []member
	ref     string
}

// combined resolves allOf, anyOf, oneOf and references that stand beside other keywords: the schema is the union of what it
// returns. Keywords that stand beside a combination hold for each of its parts.
func (c *compiler) combined(members []member, at string, depth int) ([]alternative, error) {
	if err := c.spend(at, depth); err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(slices.Clone(members), func(m member) bool { return combines(m.key) })
	choices := []alternative{{members: rest}}
	for _, m := range members {
		if !combines(m.key) {
			continue
		}
		parts, err := c.parts(m, at, depth)
		if err != nil {
			return nil, err
		}
		if choices, err = c.both(choices, parts, at, depth); err != nil {
			return nil, err
		}
	}
	return choices, nil
}

func combines(key string) bool {
	return slices.Contains([]string{"allOf", "anyOf", "oneOf", "$ref"}, key)
}

// parts returns the alternatives of one combination.
func (c *compiler) parts(m member, at string, depth int) ([]alternative, error) {
	at += "/" + m.key
	if m.key == "$ref" {
		var pointer string
		if err := stdjson.Unmarshal(m.value, &pointer); err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		return []alternative{{ref: pointer}}, nil
	}
	var schemas []stdjson.RawMessage
	if err := stdjson.Unmarshal(m.value, &schemas); err != nil || len(schemas) == 0 {
		return nil, fmt.Errorf("%s: admits nothing", at)
	}
	var all []alternative
	for i, schema := range schemas {
		part, err := c.alternatives(schema, fmt.Sprintf("%s/%d", at, i), depth+1)
		if err != nil {
			return nil, err
		}
		switch m.key {
		case "allOf":
			if i == 0 {
				all = part
			} else if all, err = c.both(all, part, at, depth); err != nil {
				return nil, err
			}
		case "oneOf":
			if err := c.exclusive(all, part, at, i, depth); err != nil {
				return nil, err
			}
			fallthrough
		default:
			all = append(all, part...)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: admits nothing", at)
	}
	return all, nil
}

// alternatives returns what a schema is the union of; none for false.
func (c *compiler) alternatives(schema []byte, at string, depth int) ([]alternative, error) {
	switch string(bytes.TrimSpace(schema)) {
	case "true":
		return []alternative{{}}, nil
	case "false":
		return nil, nil
	}
	members, err := ordered(schema)
	if err == nil {
		members, err = asserting(members)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return c.combined(members, at, depth)
}

// both returns the alternatives of what two unions have in common.
func (c *compiler) both(a, b []alternative, at string, depth int) ([]alternative, error) {
	if len(a)*len(b) > maxAlternatives {
		return nil, fmt.Errorf("%s: more than %d alternatives", at, maxAlternatives)
	}
	var out []alternative
	for _, x := range a {
		for _, y := range b {
			switch {
			case x.ref == "" && len(x.members) == 0:
				out = append(out, y)
				continue
			case y.ref == "" && len(y.members) == 0:
				out = append(out, x)
				continue
			}
			if x.ref != "" || y.ref != "" {
				xs, err := c.resolved(x, at, depth)
				if err != nil {
					return nil, err
				}
				ys, err := c.resolved(y, at, depth)
				if err != nil {
					return nil, err
				}
				more, err := c.both(xs, ys, at, depth+1)
				if err != nil {
					return nil, err
				}
				out = append(out, more...)
				continue
			}
			members, err := merged(x.members, y.members)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", at, err)
			}
			out = append(out, alternative{members: members})
		}
	}
	return out, nil
}

// resolved follows a reference.
func (c *compiler) resolved(a alternative, at string, depth int) ([]alternative, error) {
	if a.ref == "" {
		return []alternative{a}, nil
	}
	if err := c.spend(at, depth); err != nil {
		return nil, err
	}
	schema, err := c.target(a.ref, at)
	if err != nil {
		return nil, err
	}
	all, err := c.alternatives(schema, a.ref, depth+1)
	if err != nil {
		return nil, err
	}
	var out []alternative
	for _, x := range all {
		more, err := c.resolved(x, at, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

// merged returns the keywords of two schemas that shall both hold. Two of a kind are taken together where that can be said
// by one.
func merged(a, b []member) ([]member, error) {
	out := slices.Clone(a)
	for _, m := range b {
		i := slices.IndexFunc(out, func(o member) bool { return o.key == m.key })
		if i < 0 {
			out = append(out, m)
			continue
		}
		if sameValue(out[i].value, m.value) {
			continue
		}
		value, err := mergedValue(m.key, out[i].value, m.value)
		if err != nil {
			return nil, err
		}
		out[i].value = value
	}
	// What a schema says of other properties, or of later items, depends on which it names itself.
	if closes(a, "additionalProperties") && names(b, "properties") || closes(b, "additionalProperties") && names(a, "properties") {
		return nil, errors.New("additionalProperties beside the properties of another schema cannot be guaranteed")
	}
	if closes(a, "items") && names(b, "prefixItems") || closes(b, "items") && names(a, "prefixItems") {
		return nil, errors.New("items beside the prefixItems of another schema cannot be guaranteed")
	}
	return out, nil
}

func closes(members []member, key string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.key == key && string(bytes.TrimSpace(m.value)) != "true" })
}

func names(members []member, key string) bool {
	return slices.ContainsFunc(members, func(m member) bool { return m.key == key })
}

// mergedValue is what two values of a keyword say together.
func mergedValue(key string, a, b stdjson.RawMessage) (stdjson.RawMessage, error) {
	switch key {
	case "required":
		var x, y []string
		if err := errors.Join(stdjson.Unmarshal(a, &x), stdjson.Unmarshal(b, &y)); err != nil {
			return nil, err
		}
		return stdjson.Marshal(append(x, y...))
	case "properties":
		x, err := ordered(a)
		if err != nil {
			return nil, err
		}
		y, err := ordered(b)
		if err != nil {
			return nil, err
		}
		for _, m := range y {
			i := slices.IndexFunc(x, func(o member) bool { return o.key == m.key })
			if i < 0 {
				x = append(x, m)
			} else if !sameValue(x[i].value, m.value) {
				x[i].value = stdjson.RawMessage(`{"allOf":[` + string(x[i].value) + `,` + string(m.value) + `]}`)
			}
		}
		return object(x), nil
	case "type":
		var x, y schemaKeys
		x.Type, y.Type = a, b
		these, err := x.types()
		if err != nil {
			return nil, err
		}
		those, err := y.types()
		if err != nil {
			return nil, err
		}
		return stdjson.Marshal(commonTypes(these, those))
	case "minimum", "exclusiveMinimum", "minLength", "minItems":
		return extreme(a, b, 1)
	case "maximum", "exclusiveMaximum", "maxLength", "maxItems":
		return extreme(a, b, -1)
	}
	return nil, fmt.Errorf("two of %q cannot be guaranteed", key)
}

// commonTypes are the types of values that both lists admit.
func commonTypes(a, b []string) []string {
	out := []string{}
	for _, name := range a {
		switch {
		case slices.Contains(b, name) || name == "integer" && slices.Contains(b, "number"):
			out = append(out, name)
		case name == "number" && slices.Contains(b, "integer"):
			out = append(out, "integer")
		}
	}
	return out
}
