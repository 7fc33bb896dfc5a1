package jinja_test

import (
	"fmt"

	"github.com/seed-d24fde5f/distill/internal/jinja"
)

func Example() {
	t, err := jinja.Parse(`
{%- for m in messages %}
<{{ m.role }}>{{ m.content | trim }}</{{ m.role }}>
{% endfor %}
{{ shout('over') }}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := t.Render(map[string]jinja.Value{
		"messages": jinja.List{
			jinja.NewDict("role", "user", "content", " 2+2? "),
			jinja.NewDict("role", "assistant", "content", "4"),
		},
		"shout": jinja.Function(func(args jinja.Args) (jinja.Value, error) {
			return fmt.Sprint(args.Positional...) + "!", nil
		}),
	})
	fmt.Println(text, err)
	// Output:
	// <user>2+2?</user>
	// <assistant>4</assistant>
	// over! <nil>
}

func ExampleError() {
	_, err := jinja.Parse("{% if true %}\n{{ 1 + }}")
	fmt.Println(err)
	// Output: template line 2: an expression expected, not "}}"
}
