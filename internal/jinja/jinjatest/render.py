"""Renders templates with jinja2 in the environment that transformers gives to chat templates: the source of what ours
must give. usage: python3 render.py < cases.json > answers.json

A case is {template, variables}; the answer is {text} or {error}, one per case.
"""
import datetime
import functools
import json
import sys

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Generation(jinja2.ext.Extension):
    """{% generation %}: marks what the assistant writes, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_render"), [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


environment = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
)
environment.filters["tojson"] = tojson
environment.globals["raise_exception"] = raise_exception
environment.globals["strftime_now"] = lambda f: datetime.datetime(2026, 2, 3, 4, 5, 6).strftime(f)


@functools.lru_cache(None)
def compiled(source):
    return environment.from_string(source)


def answer(case):
    try:
        return {"text": compiled(case["template"]).render(**case["variables"])}
    except Exception as e:  # whatever a template does wrong
        return {"error": f"{type(e).__name__}: {e}"}


json.dump([answer(c) for c in json.load(sys.stdin)], sys.stdout)
