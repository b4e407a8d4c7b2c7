#!/usr/bin/env python3
"""What tasks print, and what they get of the program's signals and terminal: real runs of a program with such tasks.

usage: inherited_test.py PROGRAM [TEST...]
"""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = ""
LIMIT = 60  # seconds; far above what any of these takes


def scenario(folder, task, inputs, runs_in="processes", more=""):
    path = os.path.join(folder, "s.yaml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(f"scenario: s\ntree:\n  children:\n    - id: p\n      pool: {{task: {task}, runs_in: {runs_in}, "
                  f"workers: 2{more}}}\nrun:\n  - map: {{pool: p, inputs: {inputs}, print: [results]}}\n")
    return path


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def run_program(self, path, *options):
        return subprocess.run([PROGRAM, "run", path, *options], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=LIMIT, check=False)


class Output(Case):
    def test_of_tasks_leaves_a_json_stream_whole(self):
        done = self.run_program(scenario(self.folder.name, "say", "[one, two]"), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        said = {e["text"]: e for e in events if e["kind"] == "output" and e["actor"]}
        self.assertEqual(set(said), {"one", "two"})
        for text, event in said.items():
            self.assertEqual((event["task"]["name"], event["task"]["args"]), ("say", text))
            self.assertRegex(event["actor"], "^/root/p/w[12]$")

    def test_of_tasks_bears_their_workers_name(self):
        done = self.run_program(scenario(self.folder.name, "say", "[one]"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^/root/p/w[12]: one$")
        self.assertRegex(done.stderr, r"(?m)^/root/p/w[12]: one, loudly$")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
