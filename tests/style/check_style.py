#!/usr/bin/env python3
"""Checks rules of the source tree that no compiler knows. Prints each fault as path:line: what is wrong.

usage: check_style.py --root DIR CHECK        CHECK is one of the names that --list prints
Exit code: 0 when the tree is clean, 1 when it is not, 2 on wrong usage.
"""

import argparse
import os.path
import re
import sys
from functools import lru_cache
from pathlib import Path

MODULES = {
    # folder: folders it may include besides itself and the public headers; None stands for all
    "runtime/base": (),
    "runtime/policy": ("runtime/base",),
    "runtime/process": ("runtime/base",),
    "runtime/journal": ("runtime/base",),
    "runtime/observe": ("runtime/base",),
    "runtime/store": ("runtime/base", "runtime/observe"),
    "runtime/control": ("runtime/base", "runtime/observe", "runtime/store", "runtime/supervision"),
    "runtime/throw_frames": ("runtime/base", "runtime/process"),
    "runtime/pool": ("runtime/base", "runtime/policy", "runtime/process"),
    "runtime/command": ("runtime/base", "runtime/process"),
    # The bring-up of the actor system assembles a runtime from its parts.
    "runtime/actor_system": ("runtime/base", "runtime/policy", "runtime/process", "runtime/pool", "runtime/command",
                             "runtime/supervision"),
    "runtime/supervision": ("runtime/base", "runtime/policy", "runtime/process", "runtime/pool", "runtime/command",
                            "runtime/actor_system"),
    "config": ("runtime/base",),
    "actors": (),
    "soak": ("runtime/base", "runtime/process", "runtime/pool", "runtime/observe", "config", "cli"),
    "cli": None,
}
WITHOUT_CAF = ("runtime/base", "runtime/policy", "runtime/process", "runtime/journal", "runtime/observe",
               "runtime/store", "runtime/throw_frames", "runtime/pool", "runtime/command", "config", "soak")
PUBLIC = "runtime/include/steward"
PORT = (PUBLIC + "/port.hpp",) + tuple("runtime/actor_system/" + name for name in (
    "port.cpp", "durable_actor.hpp", "message_kinds.hpp", "durable_actor.cpp", "durable_mailbox.cpp",
    "durable_asks.cpp", "durable_timers.cpp", "tied_actor.hpp", "tied_actor.cpp"))
OWN_CODE = ("runtime", "actors", "config", "cli", "soak", "examples")
ALL_CODE = OWN_CODE + ("tests", "bench")

PORT_ONLY = {
    "CAF_VERSION": r"\bCAF_VERSION\b",
    "->send(": r"->\s*send\s*\(",
    "->request(": r"->\s*request\s*\(",
    "delayed_send": r"\bdelayed_send\b",
    "set_down_handler": r"\bset_down_handler\b",
    "aout(": r"\baout\s*\(",
    "atom(": r"\batom\s*\(",
}
WALL_CLOCK = r"\bsystem_clock\b|\bCLOCK_REALTIME\b|\bgettimeofday\b"
WALL_CLOCK_ALLOWED = (PUBLIC + "/event.hpp", PUBLIC + "/sample.hpp", "runtime/base/event.cpp", "runtime/base/utc_time.",
                      "runtime/observe/", "runtime/store/", "runtime/supervision/sampler.cpp")
CATCH_ALL_LIST = "tests/style/catch_all_allowed.txt"
MAX_LINES = {".hpp": 350, ".cpp": 600}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class tree:
    """The source files below a root, with what the checks ask about them."""

    def __init__(self, root):
        self.root = Path(root)

    def files(self, folders, suffixes=(".hpp", ".cpp")):
        for folder in folders:
            for path in sorted((self.root / folder).rglob("*")):
                if path.suffix in suffixes and path.is_file():
                    yield path.relative_to(self.root).as_posix()

    @lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @lru_cache(maxsize=None)
    def code(self, path):
        """The text with comments and literals blanked out, line breaks kept."""
        return strip(self.text(path))

    def includes(self, path):
        """(line number, kind, target): kind is a module, "public", "caf", "std", or "other"."""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            found = INCLUDE.match(line)
            if found:
                quoted, target = found.group(1) == '"', found.group(2)
                yield (number, *self.resolve(path, quoted, target))

    def resolve(self, path, quoted, target):
        candidates = ["runtime/" + target, target, "runtime/include/" + target]
        if quoted:
            candidates.insert(0, os.path.normpath(Path(path).parent / target))
            for candidate in candidates:
                if (self.root / candidate).is_file():
                    return module_of(candidate) or "other", candidate
        elif target.startswith("steward/"):
            return "public", "runtime/include/" + target
        if target.startswith("caf/"):
            return "caf", target
        if module_of("runtime/" + target):
            return module_of("runtime/" + target), "runtime/" + target
        if module_of(target):
            return module_of(target), target
        if target.startswith("steward/"):
            return "public", "runtime/include/" + target
        plain = not quoted and "/" not in target and "." not in target
        return "std" if plain else "other", target

    def reaches_caf(self, path, seen=None):
        """Whether a file includes CAF, itself or through others of this tree."""
        seen = set() if seen is None else seen
        if path in seen or not (self.root / path).is_file():
            return False
        seen.add(path)
        return any(kind == "caf" or (kind not in ("std", "other") and self.reaches_caf(target, seen))
                   for _, kind, target in self.includes(path))


def module_of(path):
    if path.startswith(PUBLIC + "/"):
        return "public"
    for module in MODULES:
        if path.startswith(module + "/"):
            return module
    return None


def strip(text):
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\\ ]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
    digits = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")
    blank = lambda found: re.sub(r"[^\n]", " ", found.group(0))
    return pattern.sub(blank, digits.sub("", text))


def occurrences(code, pattern):
    for found in re.finditer(pattern, code):
        yield code.count("\n", 0, found.start()) + 1


def include_direction(t):
    for module, allowed in MODULES.items():
        for path in t.files([module]):
            for line, kind, target in t.includes(path):
                if kind == module or kind in ("public", "std", "other") or allowed is None:
                    continue
                if kind == "caf":
                    if module == "actors":
                        yield path, line, f"actors include only <steward/...>, not <{target}>"
                elif kind not in allowed:
                    yield path, line, f"{module} must not include {target}"
            if module == "actors":
                for line, kind, target in t.includes(path):
                    if target.startswith(("yaml-cpp/", "nlohmann/", "CLI/")):
                        yield path, line, f"actors include only <steward/...>, not <{target}>"


def caf_free(t):
    for module in WITHOUT_CAF:
        for path in t.files([module]):
            if t.reaches_caf(path):
                yield path, 1, f"{module} must not include CAF, nor a header that does"


def public_headers(t):
    for path in t.files([PUBLIC]):
        for line, kind, target in t.includes(path):
            if kind not in ("public", "std", "caf"):
                yield path, line, f"a public header shows only the standard library and CAF, not {target}"


def yaml_in_one_file(t):
    users = []
    for path in t.files(ALL_CODE):
        for line, _, target in t.includes(path):
            if target.startswith("yaml-cpp/"):
                users.append((path, line))
    for path, line in users:
        if not path.startswith("config/"):
            yield path, line, "yaml-cpp is included outside config/"
    inside = sorted({path for path, _ in users if path.startswith("config/")})
    for path in inside[1:]:
        yield path, 1, f"yaml-cpp is included in one file only, which is {inside[0]}"


def port_only(t):
    for path in t.files(OWN_CODE):
        if path in PORT:
            continue
        # Methods of our own may be called send or request; in a file that never sees CAF they are no concern of this rule.
        sees_caf = t.reaches_caf(path)
        for name, pattern in PORT_ONLY.items():
            if name == "CAF_VERSION" or sees_caf:
                for line in occurrences(t.code(path), pattern):
                    yield path, line, f"{name} belongs into the port only, which is {PORT[0]} and its sources"


def wall_clock(t):
    for path in t.files(OWN_CODE):
        if not path.startswith(WALL_CLOCK_ALLOWED):
            for line in occurrences(t.code(path), WALL_CLOCK):
                yield path, line, "logic runs on steady_clock; wall-clock time is for events only"


def catch_all(t):
    allowed = {}
    if (t.root / CATCH_ALL_LIST).is_file():
        for number, line in enumerate(t.text(CATCH_ALL_LIST).splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                allowed[line.split()[0]] = number
    used = set()
    for path in t.files(OWN_CODE):
        for line in occurrences(t.code(path), r"\bcatch\s*\(\s*\.\.\.\s*\)"):
            used.add(path)
            if path not in allowed:
                yield path, line, f"catch (...) hides what happened; files that need it are named in {CATCH_ALL_LIST}"
    for path, number in allowed.items():
        if path not in used:
            yield CATCH_ALL_LIST, number, f"{path} has no catch (...) any more; take it off the list"


def leftovers(t):
    places = list(t.files(ALL_CODE + ("cmake", "scripts"), (".hpp", ".cpp", ".cmake", ".sh", ".txt", ".yaml")))
    for path in places:
        if path.startswith("tests/style/"):
            continue
        for line in occurrences(t.text(path), r"\b(?:TODO|FIXME|XXX|HACK)\b"):
            yield path, line, "leftover note; do it or open an issue"


def headers_in_the_table(t):
    page = "docs/getting-started.md"
    text = t.text(page) if (t.root / page).is_file() else ""
    named = set(re.findall(r"`([a-z_]+\.hpp)`", text))
    there = {Path(path).name for path in t.files([PUBLIC]) if Path(path).parent == Path(PUBLIC)}
    for name in sorted(there - named - {"steward.hpp"}):
        yield f"{PUBLIC}/{name}", 1, f"the table of headers in {page} does not have it"
    for name in sorted(named - there):
        yield page, 1, f"it names {name}, which is none of the public headers"


def file_length(t):
    for path in t.files(ALL_CODE):
        lines = len(t.text(path).splitlines())
        limit = MAX_LINES[Path(path).suffix]
        if lines > limit:
            yield path, limit, f"{lines} lines; the limit is {limit}"


CHECKS = {
    "include_direction": include_direction,
    "caf_free": caf_free,
    "public_headers": public_headers,
    "yaml_in_one_file": yaml_in_one_file,
    "port_only": port_only,
    "wall_clock": wall_clock,
    "catch_all": catch_all,
    "leftovers": leftovers,
    "headers_in_the_table": headers_in_the_table,
    "file_length": file_length,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=".")
    parser.add_argument("--list", action="store_true", help="print the names of the checks")
    parser.add_argument("check", nargs="?", choices=sorted(CHECKS))
    options = parser.parse_args()
    if options.list:
        print("\n".join(CHECKS))
        return 0
    if options.check is None:
        parser.error("name a check")
    source = tree(options.root)
    if not any(source.files(OWN_CODE)):
        parser.error(f"no sources below {options.root}")
    faults = list(CHECKS[options.check](source))
    for path, line, what in faults:
        print(f"{path}:{line}: {what}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
