package remote

import (
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/seed-d24fde5f/distill/teacher"
)

// key is an API key with the name of the variable it came from. Its value leaves this package in request headers only;
// printed, logged or marshalled it shows its name.
type key struct {
	env   string
	value string
}

const hidden = "[redacted]"

// String hides the value.
func (k key) String() string { return k.env + " " + hidden }

// GoString hides the value from %#v.
func (k key) GoString() string { return k.String() }

// MarshalText hides the value from encoders.
func (k key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// LogValue hides the value from log/slog.
func (k key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// loadKeys reads the named variables. Without names it takes the dialect's usual variable when that is set; a server of
// one's own gets by without a key.
func loadKeys(envs []string, d Dialect, getenv func(string) string) ([]key, error) {
	if len(envs) == 0 {
		if d.KeyEnv == "" {
			return []key{{env: "no key"}}, nil
		}
		envs = []string{d.KeyEnv}
	}
	var keys []key
	for _, env := range envs {
		value := strings.TrimSpace(getenv(env))
		if value == "" {
			return nil, teacher.Errorf(teacher.Fatal, fmt.Sprintf("export %s=… with your API key, then run again", env),
				"remote: environment variable %s is not set", env)
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, teacher.Errorf(teacher.Fatal, "", "remote: environment variable %s holds characters that no key has", env)
		}
		keys = append(keys, key{env: env, value: value})
	}
	return keys, nil
}

// redactor takes keys out of texts that came from outside: servers and proxies do echo what they were sent.
type redactor struct{ *strings.Replacer }

func newRedactor(keys []key) redactor {
	var pairs []string
	for _, k := range keys {
		if len(k.value) >= 4 { // a placeholder such as "x" would garble every text
			pairs = append(pairs, k.value, hidden, url.QueryEscape(k.value), hidden)
		}
	}
	return redactor{strings.NewReplacer(pairs...)}
}

// error returns err with keys taken out of its text. What it wraps stays reachable only if its text is clean.
func (r redactor) error(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); r.Replace(text) != text {
		return fmt.Errorf("%s", r.Replace(text))
	}
	return err
}
