package jinja

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Dict is a Python dictionary: its entries have an order, that of their first insertion. Templates cannot change it.
type Dict struct {
	keys, values []Value
	index        map[any]int // of hash
}

// NewDict makes a dictionary of keys and values in turn. A key that is given twice has the later value. It panics where
// a key is a List or a Dict, or lacks its value.
func NewDict(keysAndValues ...Value) *Dict {
	d := &Dict{}
	for pair := range slices.Chunk(keysAndValues, 2) {
		d.put(pair[0], pair[1])
	}
	return d
}

// smallDict is up to how many entries a dictionary is searched, not indexed.
const smallDict = 8

// put sets an entry.
func (d *Dict) put(key, value Value) {
	h := hash(key)
	if i, ok := d.find(h); ok {
		d.values[i] = value
		return
	}
	d.keys, d.values = append(d.keys, key), append(d.values, value)
	switch {
	case d.index != nil:
		d.index[h] = len(d.keys) - 1
	case len(d.keys) > smallDict:
		d.index = make(map[any]int)
		for i, k := range d.keys {
			d.index[hash(k)] = i
		}
	}
}

// get returns the value of a key.
func (d *Dict) get(key Value) (Value, bool) {
	if i, ok := d.find(hash(key)); ok {
		return d.values[i], true
	}
	return nil, false
}

func (d *Dict) find(h any) (int, bool) {
	if d.index != nil {
		i, ok := d.index[h]
		return i, ok
	}
	for i, k := range d.keys {
		if hash(k) == h {
			return i, true
		}
	}
	return 0, false
}

// pairs returns the entries as tuples.
func (d *Dict) pairs() List {
	all := make(List, len(d.keys))
	for i, k := range d.keys {
		all[i] = Tuple{k, d.values[i]}
	}
	return all
}

// tupleHash is the hash of a tuple, which may not be larger than a key has reason to be.
type tupleHash string

const (
	maxTupleHash  = 1 << 12
	maxTupleDepth = 100
)

// hash returns what is equal for equal keys: 1, 1.0 and true are one key. Lists and dictionaries have none.
func hash(v Value) any { return hashWithin(v, 0) }

func hashWithin(v Value, depth int) any {
	switch v := plain(v).(type) {
	case string, int, nil, progression, *generator, *namespace, *macro, *loop, *method:
		return v
	case bool:
		return whole(v, "a key")
	case float64:
		if i := int(v); float64(i) == v && math.Abs(v) < 1<<62 {
			return i
		}
		return v
	case undefined:
		return undefined{}
	case Tuple:
		var b strings.Builder
		for _, item := range v {
			if depth > maxTupleDepth || b.Len() > maxTupleHash {
				fail("a tuple of this size cannot be a key")
			}
			h := hashWithin(item, depth+1)
			fmt.Fprintf(&b, "%T %q,", h, fmt.Sprint(h))
		}
		return tupleHash(b.String())
	}
	fail("unhashable type: %q", typeName(v))
	return nil
}
