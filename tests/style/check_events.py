#!/usr/bin/env python3
"""Checks that docs/events.md names every kind of event, every key of the JSON lines and every class of cause that the
code has, and none that it has not; and that `steward explain` says the same of kinds, causes and exit codes as the docs.

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
KEYS = "runtime/observe/json_fields.hpp"
LINE = "runtime/observe/json_line.cpp"
CAUSES = "runtime/base/cause.cpp"
WORDS = "cli/words.cpp"
CODES_PAGE = "docs/operating.md"

SECTION = re.compile(r"^## (.+?) *\n(.*?)(?=^## |\Z)", re.S | re.M)
ROW = re.compile(r"^\| *`([^`]+)` *\|", re.M)
FIELDS = re.compile(r"^template <class A, is<(\w+)> X>\nvoid fields\(A& a, X& x\) \{\n(.*?)^\}", re.S | re.M)
KEY = re.compile(r'\ba\.\w+\("(\w+)", x\.\w+\);')
WHOLE = re.compile(r'\bout\.\w+\("(\w+)"')
# Where in a line the keys of a struct stand.
PLACES = {"event": "", "cause": "cause.", "event_task": "task.", "event_decision": "decision.", "event_child": "child.",
          "event_backoff": "child.backoff.",
          "event_scenario": "scenario."}

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
    lists = dict(FIELDS.findall(text_of(root, KEYS)))
    keys = set(WHOLE.findall(text_of(root, LINE)))
    for struct, place in PLACES.items():
        found = KEY.findall(lists.get(struct, ""))
        if not found or len(found) != lists[struct].count('a.'):
            raise unreadable(f"{KEYS}: not all keys of {struct} could be read; this check has to learn how they are written")
        keys.update(place + key for key in found)
    return keys


def words_of(root, table):
    """What `steward explain` says: (name, meaning) in the order of the code. Literals side by side are one."""
    body = re.search(r"constexpr word " + table + r"\[\] = \{\n(.*?)^\};", text_of(root, WORDS), re.S | re.M)
    rows = re.findall(r'\{("[^"]*"),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\}', body[1]) if body else []
    if not rows:
        raise unreadable(f"{WORDS}: no words in '{table}'")
    text = lambda literals: "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals)).replace('\\"', '"').replace("\\\\", "\\")
    return [(text(name), text(meaning)) for name, meaning in rows]


def told_by_page(section):
    """(first cell, last cell) of the rows of a table that name something: between backticks, or by a number."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    return [(row[0].strip("`"), row[-1]) for row in rows if re.match(r"`|\d", row[0])]


def word_faults(root):
    pages = {name: dict(SECTION.findall(text_of(root, name))) for name in (PAGE, CODES_PAGE)}
    for page, heading, table in [(PAGE, "Kinds", "kinds"), (PAGE, "Causes", "causes"), (CODES_PAGE, "Exit codes", "codes")]:
        in_page, in_code = told_by_page(pages[page].get(heading, "")), words_of(root, table)
        for name, meaning in in_page:
            if (name, meaning) not in in_code:
                yield f"{page}: what '{name}' means is told in other words by {WORDS}"
        for name in sorted({x for x, _ in in_code} - {x for x, _ in in_page}):
            yield f"{page}: '{name}' of {WORDS} is missing under '{heading}'"


def faults_of(root):
    yield from word_faults(root)
    yield from event_faults(root)


def event_faults(root):
    page = dict(SECTION.findall(text_of(root, PAGE)))
    for heading, what, in_code, file in [
        ("Kinds", "kind", names_of(root, KINDS, "event_kind"), KINDS),
        ("Keys", "key", keys_of(root), KEYS),
        ("Causes", "class of cause", names_of(root, CAUSES, "cause_class"), CAUSES),
    ]:
        if heading not in page:
            yield f"{PAGE}: no section '{heading}'"
            continue
        rows = ROW.findall(page[heading])
        for name in sorted(in_code - set(rows)):
            yield f"{PAGE}: the {what} '{name}' of {file} is missing under '{heading}'"
        for name in sorted(set(rows) - in_code):
            yield f"{PAGE}: the {what} '{name}' under '{heading}' is not in {file}"
        for name in sorted({name for name in rows if rows.count(name) > 1}):
            yield f"{PAGE}: the {what} '{name}' stands twice under '{heading}'"


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
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
