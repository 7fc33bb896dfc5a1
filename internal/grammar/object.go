package grammar

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// objectOf is an object of the schema's properties in their order.
func (c *compiler) objectOf(k *schemaKeys, at string, depth int) (symbol, error) {
	members, err := ordered(k.Properties)
	if err != nil {
		return symbol{}, fmt.Errorf("%s/properties: %w", at, err)
	}
	if len(members) == 0 && len(k.Required) == 0 {
		return c.mapOf(k.AdditionalProperties, at, depth)
	}
	for _, name := range k.Required { // what is required and not described is what anything else may be
		if slices.ContainsFunc(members, func(m member) bool { return m.key == name }) {
			continue
		}
		other := k.AdditionalProperties
		if other == nil {
			other = stdjson.RawMessage("true")
		}
		members = append(members, member{name, other})
	}
	pairs := make([]sequence, len(members))
	needed := make([]bool, len(members))
	for i, m := range members {
		needed[i] = slices.Contains(k.Required, m.key)
		if !needed[i] && string(bytes.TrimSpace(m.value)) == "false" {
			continue // never there
		}
		value, err := c.compile(m.value, at+"/properties/"+m.key, depth+1)
		if err != nil {
			return symbol{}, err
		}
		pairs[i] = join(text(quote(m.key)), text(":"), sequence{c.blank, value})
	}
	// From the last property to the first: what may follow when nothing, or something, has been written before it.
	first, after := c.any(nil), c.any(nil)
	for i, pair := range slices.Backward(pairs) {
		if pair == nil {
			continue
		}
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

// tupleOf is an array whose first items have schemas of their own.
func (c *compiler) tupleOf(k *schemaKeys, at string, depth int) (symbol, error) {
	least, most, err := bounds(k.MinItems, k.MaxItems, at)
	if err != nil {
		return symbol{}, err
	}
	item := c.value
	switch s := string(bytes.TrimSpace(k.Items)); {
	case s == "false": // no more than those with schemas of their own
		if most < 0 || most > len(k.PrefixItems) {
			most = len(k.PrefixItems)
		}
	case s != "":
		if item, err = c.compile(k.Items, at+"/items", depth+1); err != nil {
			return symbol{}, err
		}
	}
	if most >= 0 && most < least {
		return symbol{}, fmt.Errorf("%s: admits nothing", at)
	}
	if len(k.PrefixItems) == 0 {
		return c.arrayOf(item, least, most), nil
	}
	first := make([]symbol, 0, len(k.PrefixItems))
	for i, schema := range k.PrefixItems {
		if most >= 0 && i >= most {
			break
		}
		s, err := c.compile(schema, fmt.Sprintf("%s/prefixItems/%d", at, i), depth+1)
		if err != nil {
			return symbol{}, err
		}
		first = append(first, s)
	}
	if len(first) == 0 {
		return c.arrayOf(item, least, most), nil
	}
	after := join(text(","), sequence{c.space})
	more := -1
	if most >= 0 {
		more = most - len(first)
	}
	tail := c.repeat(join(after, sequence{item}), max(0, least-len(first)), more)
	for i := len(first) - 1; i > 0; i-- {
		next := []sequence{join(after, sequence{first[i], tail})}
		if i >= least {
			next = append(next, nil)
		}
		tail = c.any(next...)
	}
	alternatives := []sequence{join(text("["), sequence{c.space, first[0], tail, c.space}, text("]"))}
	if least == 0 {
		alternatives = append(alternatives, join(text("["), sequence{c.space}, text("]")))
	}
	return c.any(alternatives...), nil
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

// object writes members as a JSON object.
func object(members []member) []byte {
	var b bytes.Buffer
	for i, m := range members {
		b.WriteString(map[bool]string{true: "{", false: ","}[i == 0] + quote(m.key) + ":")
		b.Write(m.value)
	}
	if len(members) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes()
}
