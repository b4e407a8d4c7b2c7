#!/usr/bin/env python3
"""Checks that docs/events.md names every kind of event, every key of the JSON lines and every class of cause that the
code has, and none that it has not.

usage: check_events.py --root DIR
In the page, names stand in the first column of the tables below the headings Kinds, Keys and Causes, between backticks;
keys of nested objects with those before them, such as `cause.class`.
Exit code: 0 when page and code agree, 1 when they do not, 2 when one of them cannot be read.
"""

import argparse
import re
import sys
from pathlib import Path

PAGE = "docs/events.md"
KINDS = "runtime/base/event.cpp"
KEYS = "runtime/observe/json_line.cpp"
CAUSES = "runtime/base/cause.cpp"

SECTION = re.compile(r"^## (.+?) *\n(.*?)(?=^## |\Z)", re.S | re.M)
ROW = re.compile(r"^\| *`([^`]+)` *\|", re.M)
FUNCTION = re.compile(r"^[\w:<>]+ (\w+)\([^;{]*\) \{\n(.*?)^\}", re.S | re.M)
KEY = re.compile(r'\b\w+\["(\w+)"\] =|\bput\(\w+, "(\w+)"')
NESTED = re.compile(r'\["(\w+)"\] = (render_\w+)\(')


class unreadable(Exception):
    pass


def text_of(root, name):
    try:
        return (root / name).read_text(encoding="utf-8")
    except OSError as problem:
        raise unreadable(f"{name}: {problem.strerror}") from problem


def names_of(root, file, enum):
    """What `to_string` makes of an enum."""
    names = re.findall(r"case " + enum + r"::\w+:\s*return \"(\w+)\";", text_of(root, file))
    if not names:
        raise unreadable(f"{file}: no names of {enum}")
    return set(names)


def keys_of(root):
    """The keys of a line; those of a nested object behind the key of that object."""
    code = text_of(root, KEYS)
    functions = dict(FUNCTION.findall(code))
    places = {"to_json_line": ""}
    places.update({function: key + "." for key, function in NESTED.findall(code)})
    keys = set()
    for function, body in functions.items():
        found = {first or second for first, second in KEY.findall(body)}
        if found and function not in places:
            raise unreadable(f"{KEYS}: where do the keys of {function} belong?")
        keys.update(places.get(function, "") + key for key in found)
    if "to_json_line" not in functions or len(KEY.findall(code)) != sum(len(KEY.findall(x)) for x in functions.values()):
        raise unreadable(f"{KEYS}: not all keys could be read; this check has to learn how they are written now")
    return keys


def faults_of(root):
    page = dict(SECTION.findall(text_of(root, PAGE)))
    for heading, what, in_code, file in [
        ("Kinds", "kind", names_of(root, KINDS, "event_kind"), KINDS),
        ("Keys", "key", keys_of(root), KEYS),
        ("Causes", "class of cause", names_of(root, CAUSES, "cause_class"), CAUSES),
    ]:
        if heading not in page:
            yield f"no section '{heading}'"
            continue
        rows = ROW.findall(page[heading])
        for name in sorted(in_code - set(rows)):
            yield f"the {what} '{name}' of {file} is missing under '{heading}'"
        for name in sorted(set(rows) - in_code):
            yield f"the {what} '{name}' under '{heading}' is not in {file}"
        for name in sorted({name for name in rows if rows.count(name) > 1}):
            yield f"the {what} '{name}' stands twice under '{heading}'"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("."))
    options = parser.parse_args()
    try:
        faults = list(faults_of(options.root))
    except unreadable as problem:
        print(f"check_events: {problem}", file=sys.stderr)
        return 2
    for fault in faults:
        print(f"{PAGE}: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
