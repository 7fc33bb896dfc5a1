package prompt

import (
	"fmt"
	"regexp"
	"strings"
)

// Reference is the rule that takes the expected answer from a field of a line. After is applied first, then Pattern.
type Reference struct {
	Field   string // of the line; text or a number
	After   string // keep what follows the last occurrence of this text ("####" for GSM8K); empty: all
	Pattern string // keep the first group, or all, of the last match of this regular expression; empty: all
}

// extractor is a Reference with its pattern compiled.
type extractor struct {
	Reference
	pattern *regexp.Regexp
}

func (r Reference) compile() (*extractor, error) {
	e := &extractor{Reference: r}
	if r.Field == "" {
		return nil, fmt.Errorf("prompt: reference without a field")
	}
	if r.Pattern != "" {
		pattern, err := regexp.Compile(r.Pattern)
		if err != nil {
			return nil, fmt.Errorf("prompt: reference: %w", err)
		}
		e.pattern = pattern
	}
	return e, nil
}

// take returns the expected answer in a line's fields. A line where the rule finds nothing is an error: a prompt that
// silently lacks its answer counts as failed ever after.
func (e *extractor) take(fields map[string]any) (string, error) {
	value, ok := fields[e.Field]
	if !ok {
		return "", fmt.Errorf("reference: no field %q", e.Field)
	}
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case fmt.Stringer: // json.Number
		text = v.String()
	case bool:
		text = fmt.Sprint(v)
	default:
		return "", fmt.Errorf("reference: field %q is neither text nor a number", e.Field)
	}
	if e.After != "" {
		at := strings.LastIndex(text, e.After)
		if at < 0 {
			return "", fmt.Errorf("reference: no %q in field %q", e.After, e.Field)
		}
		text = text[at+len(e.After):]
	}
	if e.pattern != nil {
		matches := e.pattern.FindAllStringSubmatch(text, -1)
		if len(matches) == 0 {
			return "", fmt.Errorf("reference: nothing in field %q matches %q", e.Field, e.Pattern)
		}
		last := matches[len(matches)-1]
		text = last[min(1, len(last)-1)]
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", fmt.Errorf("reference: field %q gives an empty answer", e.Field)
	}
	return text, nil
}
