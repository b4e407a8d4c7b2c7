#!/usr/bin/env python3
"""Shows that each check of check_style.py, check_events.py and check_readme.py can fail: one small tree for each kind of
violation."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent

# A tree in which every check passes; each test below spoils one thing in it.
CLEAN = {
    "runtime/include/steward/cause.hpp": "#pragma once\n#include <string>\n",
    "runtime/include/steward/port.hpp": "#pragma once\n#include <caf/all.hpp>\ninline void f(int* a) { a->send(CAF_VERSION); }\n",
    "runtime/include/steward/event.hpp": "#pragma once\n#include <chrono>\nusing t = std::chrono::system_clock;\n",
    "runtime/base/text.hpp": "#pragma once\n",
    "runtime/base/text.cpp": '#include "base/text.hpp"\n#include "steward/cause.hpp"\n#include <fmt/format.h>\n',
    "runtime/base/any.cpp": "void g() { try { } catch (...) { } }\n",
    "runtime/policy/budget.hpp": "#pragma once\n",
    "runtime/process/keeper.hpp": "#pragma once\n",
    "runtime/pool/engine.cpp": '#include "policy/budget.hpp"\n#include "process/keeper.hpp"\nvoid h(int* c) { c->send(1); }\n',
    "runtime/supervision/cell.hpp": '#pragma once\n#include "steward/port.hpp"\n#include <caf/actor.hpp>\n',
    "runtime/supervision/cell.cpp": '#include "cell.hpp"\n#include "policy/budget.hpp"\n// ->send( aout( in words\n',
    "config/reader.cpp": '#include "base/text.hpp"\n#include <yaml-cpp/yaml.h>\n',
    "actors/list.cpp": "#include <steward/port.hpp>\n#include <gmpxx.h>\n#include <vector>\n",
    "cli/main.cpp": '#include "config/reader.hpp"\n#include "supervision/cell.hpp"\nconst char* text = "catch (...)";\n',
    "docs/getting-started.md": "`cause.hpp`, `port.hpp` and `event.hpp`\n",
    "tests/style/catch_all_allowed.txt": "# why\nruntime/base/any.cpp  fixture\n",
}

VIOLATIONS = [
    # check, file, text that is added at its end, what the report must name
    ("include_direction", "runtime/base/text.cpp", '#include "policy/budget.hpp"', "runtime/base/text.cpp:4"),
    ("include_direction", "runtime/policy/budget.hpp", '#include "process/keeper.hpp"', "runtime/policy/budget.hpp:2"),
    ("include_direction", "runtime/process/keeper.hpp", '#include "supervision/cell.hpp"', "keeper.hpp:2"),
    ("include_direction", "runtime/pool/engine.cpp", '#include "supervision/cell.hpp"', "engine.cpp:4"),
    ("include_direction", "runtime/base/text.cpp", "#include <supervision/missing.hpp>", "text.cpp:4"),
    ("include_direction", "runtime/supervision/cell.cpp", '#include "config/reader.cpp"', "cell.cpp:4"),
    ("include_direction", "runtime/actor_system/port.cpp", '#include "config/reader.cpp"', "actor_system/port.cpp:1"),
    ("include_direction", "config/reader.cpp", '#include "supervision/cell.hpp"', "config/reader.cpp:3"),
    ("include_direction", "config/reader.cpp", '#include "process/keeper.hpp"', "config/reader.cpp:3"),
    ("include_direction", "actors/list.cpp", '#include "base/text.hpp"', "actors/list.cpp:4"),
    ("include_direction", "actors/list.cpp", "#include <caf/actor.hpp>", "actors/list.cpp:4"),
    ("include_direction", "actors/list.cpp", '#include "../runtime/base/text.hpp"', "actors/list.cpp:4"),
    ("caf_free", "runtime/base/text.cpp", "#include <caf/actor.hpp>", "runtime/base/text.cpp"),
    ("caf_free", "runtime/policy/budget.hpp", '#include "steward/port.hpp"', "runtime/policy/budget.hpp"),
    ("caf_free", "runtime/base/text.hpp", "#include <caf/actor.hpp>", "config/reader.cpp"),
    ("public_headers", "runtime/include/steward/cause.hpp", "#include <fmt/format.h>", "cause.hpp:3"),
    ("public_headers", "runtime/include/steward/cause.hpp", '#include "base/text.hpp"', "cause.hpp:3"),
    ("yaml_in_one_file", "config/second.cpp", "#include <yaml-cpp/yaml.h>", "config/second.cpp"),
    ("yaml_in_one_file", "cli/main.cpp", "#include <yaml-cpp/yaml.h>", "cli/main.cpp:4"),
    ("port_only", "runtime/base/text.cpp", "int v = CAF_VERSION;", "text.cpp:4: CAF_VERSION"),
    ("port_only", "runtime/supervision/cell.cpp", "void a(int* s) { s->send(1); }", "cell.cpp:4: ->send("),
    ("port_only", "runtime/supervision/cell.cpp", "void a(int* s) { s -> request (1); }", "cell.cpp:4: ->request("),
    ("port_only", "runtime/supervision/cell.cpp", "void a() { delayed_send(1); }", "cell.cpp:4: delayed_send"),
    ("port_only", "runtime/supervision/cell.cpp", "void a() { set_down_handler(1); }", "cell.cpp:4: set_down_handler"),
    ("port_only", "actors/list.cpp", "void a() { aout(1); }", "list.cpp:4: aout("),
    ("port_only", "actors/list.cpp", 'auto a = caf::atom("x");', "list.cpp:4: atom("),
    ("wall_clock", "runtime/pool/engine.cpp", "auto t = std::chrono::system_clock::now();", "engine.cpp:4"),
    ("wall_clock", "cli/main.cpp", "int c = CLOCK_REALTIME;", "cli/main.cpp:4"),
    ("catch_all", "runtime/pool/engine.cpp", "void c() { try { } catch ( ... ) { } }", "engine.cpp:4"),
    ("catch_all", "tests/style/catch_all_allowed.txt", "runtime/base/text.cpp  no longer", "catch_all_allowed.txt:3"),
    ("leftovers", "runtime/base/text.cpp", "// TO" "DO: later", "runtime/base/text.cpp:4"),
    ("leftovers", "scripts/x.sh", "# FIX" "ME", "scripts/x.sh:1"),
    ("headers_in_the_table", "runtime/include/steward/new.hpp", "#pragma once", "steward/new.hpp:1"),
    ("headers_in_the_table", "docs/getting-started.md", "`gone.hpp`", "it names gone.hpp"),
    ("file_length", "runtime/base/text.hpp", "\n" * 350, "runtime/base/text.hpp:350: 352 lines"),
    ("file_length", "tests/base/long_test.cpp", "\n" * 600, "601 lines"),
]


def write_tree(root, files):
    for name, text in files.items():
        path = Path(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(script, *arguments):
    return subprocess.run([sys.executable, str(HERE / script), *arguments], capture_output=True, text=True, timeout=60)


class check_style(unittest.TestCase):
    def checks(self):
        return run("check_style.py", "--list").stdout.split()

    def test_passes_a_tree_without_faults(self):
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, CLEAN)
            for check in self.checks():
                with self.subTest(check):
                    result = run("check_style.py", "--root", root, check)
                    self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_finds_each_violation_where_it_is(self):
        for check, name, addition, report in VIOLATIONS:
            with self.subTest(f"{check}: {addition.strip()} in {name}"), tempfile.TemporaryDirectory() as root:
                write_tree(root, {**CLEAN, name: CLEAN.get(name, "") + addition + "\n"})
                result = run("check_style.py", "--root", root, check)
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(report, result.stdout)

    def test_has_a_violation_for_every_check(self):
        self.assertEqual({violation[0] for violation in VIOLATIONS}, set(self.checks()))

    def test_refuses_a_tree_without_sources(self):
        with tempfile.TemporaryDirectory() as root:
            self.assertEqual(run("check_style.py", "--root", root, "leftovers").returncode, 2)


class header_check(unittest.TestCase):
    def compiles(self, header):
        with tempfile.TemporaryDirectory() as root:
            source = (HERE / "header_alone.cpp.in").read_text().replace("@header@", "it.hpp")
            write_tree(root, {"it.hpp": header, "it.cpp": source})
            compiler = os.environ.get("CXX", "c++")
            return subprocess.run([compiler, "-std=c++20", "-fsyntax-only", f"-I{root}", f"{root}/it.cpp"],
                                  capture_output=True, timeout=60).returncode == 0

    def test_passes_a_header_that_stands_alone(self):
        self.assertTrue(self.compiles("#pragma once\n#include <string>\nstruct s { std::string t; };\n"))

    def test_fails_a_header_that_leans_on_others(self):
        self.assertFalse(self.compiles("#pragma once\nstruct s { std::string t; };\n"))

    def test_fails_a_header_without_a_guard(self):
        self.assertFalse(self.compiles("struct s {};\n"))


class check_readme(unittest.TestCase):
    PROGRAM = "#!/bin/sh\necho \"$@\" >>\"$LOG\"\n[ \"$1\" = fail ] && exit 3\nexit 0\n"

    def check(self, readme, pages=None):
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, {"README.md": readme, "steward-fixture": self.PROGRAM, "there.md": "# A `b`, c\n",
                              "scripts/run": "#!/bin/sh\n[ \"$1\" = --help ]\n",
                              "CMakePresets.json": '{"configurePresets": [{"name": "dev"}]}', **(pages or {})})
            Path(root, "steward-fixture").chmod(0o755)
            Path(root, "scripts/run").chmod(0o755)
            environment = {**os.environ, "LOG": str(Path(root, "log"))}
            result = subprocess.run([sys.executable, str(HERE / "check_readme.py"), "--readme", f"{root}/README.md",
                                     "--program", f"{root}/steward-fixture"],
                                    capture_output=True, text=True, timeout=60, env=environment)
            log = Path(root, "log")
            return result.returncode, result.stdout, log.read_text() if log.exists() else ""

    def test_runs_the_commands_and_passes_when_they_do_what_is_said(self):
        readme = ("[it](there.md)\n```sh\n./scripts/run square  # a word\nbuild/release/bin/steward validate a.yaml\n"
                  "steward fail  # exit 3\ncmake --preset dev\n```\n")
        code, report, log = self.check(readme)
        self.assertEqual(code, 0, report)
        self.assertEqual(log, "validate a.yaml\nfail\n")

    def test_finds_what_does_not_hold(self):
        works = "```sh\nsteward version\n```\n"
        for readme, report in [
            ("```sh\nsteward fail\n```\n", "exit code 3 instead of 0"),
            ("```console\n$ steward version  # exit 3\n```\n", "exit code 0 instead of 3"),
            ("```sh\n./scripts/walk\n```\n" + works, "scripts/walk"),
            ("```sh\ncmake --preset dream\n```\n" + works, "preset"),
            ("[gone](nowhere.md)\n" + works, "nowhere.md"),
            ("no commands at all\n", "no command"),
        ]:
            with self.subTest(report):
                code, shown, _ = self.check(readme)
                self.assertEqual(code, 1, shown)
                self.assertIn(report, shown)

    README = "[page](docs/page.md)\n```sh\nsteward version\n```\n"

    def test_checks_the_pages_as_it_checks_the_readme(self):
        page = ("[up](../there.md#a-b-c) [here](#what)\n## What\n```yaml\n# mine.yaml\nscenario: mine\n```\n"
                "```console\n$ steward run mine.yaml && test -s mine.yaml\n1 -> 1\n```\n")
        code, report, log = self.check(self.README, {"docs/page.md": page})
        self.assertEqual(code, 0, report)
        self.assertEqual(log, "version\nvalidate mine.yaml\nrun mine.yaml\n")

    def test_finds_what_does_not_hold_in_a_page(self):
        for page, report in [
            ("```sh\nsteward fail\n```\n", "docs/page.md: steward fail: exit code 3"),
            ("[root](there.md)\n", "docs/page.md: link to there.md: there is no such file"),
            ("[up](../there.md#d)\n", "docs/page.md: link to ../there.md#d: there is no such heading"),
            ("[here](#where)\n", "link to #where: there is no such heading"),
            ("```yaml\n# there.yaml\nrun: []\n```\n```sh\nsteward version && ! test -e there.yaml\n```\n", "exit code 1"),
            ("```yaml\n# taken.yaml\nrun: []\n```\n", "taken.yaml is a name that the tree has taken"),
        ]:
            with self.subTest(report):
                code, shown, _ = self.check(self.README, {"docs/page.md": page, "taken.yaml": ""})
                self.assertEqual(code, 1, shown)
                self.assertIn(report, shown)

    def test_wants_scenarios_of_pages_to_be_valid(self):
        program = "#!/bin/sh\n[ \"$1\" != validate ] || exit 3\n"
        page = "```yaml\nscenario: wrong\n```\n"
        code, shown, _ = self.check(self.README, {"docs/page.md": page, "steward-fixture": program})
        self.assertEqual(code, 1, shown)
        self.assertIn("docs/page.md: steward validate", shown)

    def test_wants_the_readme_to_lead_to_each_page(self):
        code, shown, _ = self.check(self.README, {"docs/page.md": "", "docs/lost.md": ""})
        self.assertEqual((code, shown), (1, "docs/lost.md: the README has no link to it\n"))


class check_events(unittest.TestCase):
    PAGE = ("# Events\n## Kinds\n| `start` | x |\n## Keys\n| `v` | |\n| `cause` | |\n| `cause.class` | |\n"
            "| `task.id` | |\n| `decision.action` | |\n| `child.state` | |\n| `child.backoff.min_ms` | |\n| `scenario.name` | |\n## Causes\n| `exit` | y |\n")
    CODES_PAGE = "# Operating\n## Exit codes\n| code | |\n| 0 | done |\n"
    CODE = {
        "cli/words.cpp": (
            'constexpr word kinds[] = {\n    {"start", "x"},\n};\nconstexpr word causes[] = {\n    {"exit", "y"},\n};\n'
            'constexpr word codes[] = {\n    {"0",\n     "do"\n     "ne"},\n};\n'),
        "docs/operating.md": CODES_PAGE,
        "runtime/base/event.cpp": 'switch (kind) {\n    case event_kind::start:\n      return "start";\n}\n',
        "runtime/base/cause.cpp": 'switch (cls) {\n    case cause_class::exit:\n      return "exit";\n}\n',
        "runtime/observe/json_line.cpp": '  out.always("v", format_version);\n',
        "runtime/observe/json_fields.hpp": "\n".join(
            f'template <class A, is<{struct}> X>\nvoid fields(A& a, X& x) {{\n  a.some("{key}", x.{key}_);\n}}\n'
            for struct, key in [("cause", "class"), ("event_task", "id"), ("event_decision", "action"),
                                ("event_child", "state"), ("event_backoff", "min_ms"), ("event_scenario", "name"), ("event", "cause")]),
    }

    def check(self, files):
        with tempfile.TemporaryDirectory() as root:
            write_tree(root, files)
            return run("check_events.py", "--root", root)

    def test_passes_a_page_that_names_all_that_there_is(self):
        result = self.check({**self.CODE, "docs/events.md": self.PAGE})
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_finds_what_is_missing_and_what_is_too_much(self):
        for old, new, report in [
            ("| `start` | x |\n", "", "the kind 'start' of runtime/base/event.cpp is missing"),
            ("`start`", "`begin`", "the kind 'begin' under 'Kinds' is not in runtime/base/event.cpp"),
            ("| `v` | |\n", "", "the key 'v' of"),
            ("`cause.class`", "`class`", "the key 'cause.class' of"),
            ("| `v` | |\n", "| `v` | |\n| `w` | |\n", "the key 'w' under 'Keys' is not in"),
            ("| `v` | |\n", "| `v` | |\n| `v` | |\n", "the key 'v' stands twice"),
            ("`exit`", "`exits`", "the class of cause 'exit' of"),
            ("## Causes", "## Reasons", "no section 'Causes'"),
        ]:
            with self.subTest(report):
                result = self.check({**self.CODE, "docs/events.md": self.PAGE.replace(old, new)})
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(report, result.stdout)

    def test_finds_what_explain_says_in_other_words(self):
        words = self.CODE["cli/words.cpp"]
        for old, new, report in [
            ('"x"', '"z"', "docs/events.md: what 'start' means"),
            ('"y"', '"z"', "docs/events.md: what 'exit' means"),
            ('"ne"', '"t"', "docs/operating.md: what '0' means"),
            ('codes[] = {\n', 'codes[] = {\n    {"9", "more"},\n', "docs/operating.md: '9' of cli/words.cpp is missing"),
        ]:
            with self.subTest(report):
                result = self.check({**self.CODE, "docs/events.md": self.PAGE, "cli/words.cpp": words.replace(old, new)})
                self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
                self.assertIn(report, result.stdout)

    def test_refuses_code_that_it_cannot_read(self):
        keys = "runtime/observe/json_fields.hpp"
        for name, text in [(keys, self.CODE[keys].replace('"id", x.id_', 'name_of(x), x.id_')),
                           (keys, self.CODE[keys].replace("is<event_task> X", "is<task> X")),
                           (keys, ""), ("runtime/base/event.cpp", ""), ("cli/words.cpp", "")]:
            with self.subTest(text):
                result = self.check({**self.CODE, "docs/events.md": self.PAGE, name: text})
                self.assertEqual(result.returncode, 2, result.stdout)
        self.assertEqual(self.check(self.CODE).returncode, 2)


if __name__ == "__main__":
    unittest.main()
