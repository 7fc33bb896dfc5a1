package grammar

import (
	"bytes"
	stdjson "encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
)

// exclusive refuses alternatives of oneOf that one value may satisfy together with an earlier one.
func (c *compiler) exclusive(before, part []alternative, at string, i, depth int) error {
	for _, x := range before {
		for _, y := range part {
			apart, err := c.apart(x, y, at, depth)
			if err != nil {
				return err
			}
			if !apart {
				return fmt.Errorf("%s/%d: may hold together with one before it, so that exactly one cannot be guaranteed; anyOf admits both", at, i)
			}
		}
	}
	return nil
}

// apart reports whether no value satisfies both schemas, as far as that shows: in their types, in the values that they list, in
// a property that both require, or in one that one requires and the other does not admit.
func (c *compiler) apart(a, b alternative, at string, depth int) (bool, error) {
	if err := c.spend(at, depth); err != nil {
		return false, err
	}
	as, err := c.resolved(a, at, depth+1)
	if err != nil {
		return false, err
	}
	bs, err := c.resolved(b, at, depth+1)
	if err != nil {
		return false, err
	}
	for _, x := range as {
		for _, y := range bs {
			apart, err := c.plainApart(x.members, y.members, at, depth)
			if !apart || err != nil {
				return false, err
			}
		}
	}
	return true, nil
}

func (c *compiler) plainApart(a, b []member, at string, depth int) (bool, error) {
	x, err := keysOf(a)
	if err != nil {
		return false, err
	}
	y, err := keysOf(b)
	if err != nil {
		return false, err
	}
	these, those := x.admitted(), y.admitted()
	if these != nil && those != nil && len(commonTypes(these, those)) == 0 && len(commonTypes(those, these)) == 0 {
		return true, nil
	}
	if v, w := x.values(), y.values(); v != nil && w != nil {
		return !slices.ContainsFunc(v, func(one stdjson.RawMessage) bool {
			return slices.ContainsFunc(w, func(other stdjson.RawMessage) bool { return sameValue(one, other) })
		}), nil
	}
	if !slices.Equal(these, []string{"object"}) || !slices.Equal(those, []string{"object"}) {
		return false, nil
	}
	return c.objectsApart(x, y, at, depth)
}

func (c *compiler) objectsApart(x, y *schemaKeys, at string, depth int) (bool, error) {
	mine, err := ordered(x.Properties)
	if err != nil {
		return false, err
	}
	theirs, err := ordered(y.Properties)
	if err != nil {
		return false, err
	}
	if misses(x, theirs, y) || misses(y, mine, x) {
		return true, nil
	}
	for _, m := range mine {
		i := slices.IndexFunc(theirs, func(o member) bool { return o.key == m.key })
		if i < 0 || !slices.Contains(x.Required, m.key) || !slices.Contains(y.Required, m.key) {
			continue
		}
		one, err := c.alternatives(m.value, at, depth+1)
		if err != nil {
			return false, err
		}
		other, err := c.alternatives(theirs[i].value, at, depth+1)
		if err != nil {
			return false, err
		}
		if c.exclusive(one, other, at, 0, depth+1) == nil {
			return true, nil
		}
	}
	return false, nil
}

// misses reports whether what x requires is a property that an object of y cannot have.
func misses(x *schemaKeys, theirs []member, y *schemaKeys) bool {
	return string(bytes.TrimSpace(y.AdditionalProperties)) == "false" && slices.ContainsFunc(x.Required, func(name string) bool {
		return !slices.ContainsFunc(theirs, func(m member) bool { return m.key == name })
	})
}

// admitted returns the types that values of a schema can have, nil for all.
func (k *schemaKeys) admitted() []string {
	if types, err := k.types(); err == nil && types != nil {
		return types
	}
	values := k.values()
	if values == nil {
		return nil
	}
	types := []string{}
	for _, v := range values {
		types = append(types, typesOf(v)...)
	}
	return types
}

// typesOf returns the types that a value has.
func typesOf(value []byte) []string {
	switch value = bytes.TrimSpace(value); value[0] {
	case '{':
		return []string{"object"}
	case '[':
		return []string{"array"}
	case '"':
		return []string{"string"}
	case 't', 'f':
		return []string{"boolean"}
	case 'n':
		return []string{"null"}
	}
	if r, ok := decimalOf(string(value)); ok && r.IsInt() {
		return []string{"integer", "number"}
	}
	return []string{"number"}
}

// sameValue reports whether two JSON texts are one value.
func sameValue(a, b []byte) bool {
	var x, y any
	return stdjson.Unmarshal(a, &x) == nil && stdjson.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// decimalOf reads a JSON number exactly; not one whose exponent would make it very long.
func decimalOf(text string) (*big.Rat, bool) {
	f, _, err := big.ParseFloat(text, 10, 64, big.ToNearestEven)
	if err != nil || f.MantExp(nil) > 400 || f.MantExp(nil) < -400 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

// extreme returns the greater (sign 1) or the lesser (sign −1) of two numbers.
func extreme(a, b stdjson.RawMessage, sign int) (stdjson.RawMessage, error) {
	x, ok := decimalOf(string(bytes.TrimSpace(a)))
	y, also := decimalOf(string(bytes.TrimSpace(b)))
	if !ok || !also {
		return nil, fmt.Errorf("%s and %s are no numbers", a, b)
	}
	if x.Cmp(y) == sign {
		return a, nil
	}
	return b, nil
}
