#!/usr/bin/env python3
"""`steward observe`: what a run has left is served, and is what the other commands tell of it.

usage: observe_test.py STEWARD
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

# As crash_recovery, without a limit of memory, which sanitizers need more of.
SCENARIO = """scenario: kept
tree:
  children:
    - {id: counter, actor: counter}
    - id: fragile
      pool:
        task: square_unless
        runs_in: processes
        workers: 2
        attempts: 3
        on_exception: retry
        worker_backoff: {min: 10ms, max: 100ms}
        worker_restarts: {restarts: 20, within: 5s}
run:
  - map: {pool: fragile, inputs: [[1, none], [2, exception], [3, segfault], [4, abort], [5, exit], [6, kill], [7, segfault]], print: []}
  - crash: {actor: counter}
"""
STEWARD = ""
LIMIT_S = 60


class observed:
    """An observer of a run, as long as it lasts; `command` for another program that can be observed."""

    def __init__(self, *words, command=("observe",), env=None):
        self.process = subprocess.Popen([STEWARD, *command, *map(str, words)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=env)
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            if found := re.search(r"at http://127\.0\.0\.1:(\d+)/\?token=(\w+)", line):
                self.port, self.token = int(found[1]), found[2]
                return
            if found := re.search(r"at http://127\.0\.0\.1:(\d+)/ with the token in (.*)", line):
                self.port, self.token = int(found[1]), Path(found[2]).read_text().strip()
                return
        raise AssertionError(f"it ended with {self.process.wait()}: {self.said}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=LIMIT_S)

    def ask(self, target, method="GET", status=200, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
        connection.request(method, target, headers={"Authorization": f"Bearer {self.token}", **(headers or {})})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        assert answer.status == status, (target, answer.status, body)
        return json.loads(body)


def printed(*words):
    out = subprocess.run([STEWARD, *map(str, words)], capture_output=True, text=True, timeout=LIMIT_S)
    assert out.returncode == 0, (words, out.returncode, out.stderr)
    return json.loads(out.stdout)


def flat(tree):
    """The children of a nested tree, as a list."""
    out = []
    for one in tree:
        below = one.pop("children", [])
        out.append(one)
        out += flat(below)
    return sorted(out, key=lambda x: x["path"])


def without_figures(children):
    return [{k: v for k, v in x.items() if k != "figures"} for x in children]


class what_a_run_has_left(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.file = Path(cls.folder.name, "run.jsonl")
        cls.state = Path(cls.folder.name, "run.state")
        scenario = Path(cls.folder.name, "kept.yaml")
        scenario.write_text(SCENARIO)
        run = subprocess.run([STEWARD, "run", scenario, "--events", cls.file, "--state", cls.state, "--quiet"],
                             capture_output=True, text=True, timeout=LIMIT_S)
        assert run.returncode == 0, run.stderr

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check(self, kept):
        with observed(kept) as seen:
            run = seen.ask("/v1/run")
            self.assertEqual(run["state"], "over")
            self.assertNotIn("pid", run, "that of the observer is not the run's")
            view = seen.ask("/v1/view")
            told = printed("tree", kept, "--json")
            self.assertEqual(without_figures(view["children"]), without_figures(told["children"]))
            self.assertEqual(view["crashes"], told["crashes"])
            self.assertGreater(len(view["crashes"]), 5)
            for crash in view["crashes"]:
                self.assertEqual(seen.ask(f"/v1/crashes/{crash['id']}/account"),
                                 printed("show", crash["id"], kept, "--json"))
            last = run["last_seq"]
            for seq in {1, 2, last // 3, last // 2, last - 1, last}:
                then = flat(seen.ask(f"/v1/tree?at={seq}")["children"])
                told = printed("tree", kept, "--json", "--at", seq)["children"]
                self.assertEqual(without_figures(then), without_figures(sorted(told, key=lambda x: x["path"])), seq)
            lines = seen.ask("/v1/events?limit=1")
            self.assertEqual(lines["seq"], 1)
            for method, target in (("POST", "/v1/shutdown"), ("POST", "/v1/children/root/counter/restart"),
                                   ("POST", "/v1/reload")):
                self.assertIn("over", seen.ask(target, method, 409)["title"])
        self.assertEqual(seen.process.returncode, 0, "a signal is how it is ended")

    def test_of_an_events_file_is_what_the_commands_tell(self):
        self.check(self.file)
        with observed(self.file) as seen:
            self.assertIn("steward plan", seen.ask("/v1/plan", status=404)["detail"], "a file has events alone")

    def test_of_a_run_directory_is_what_the_commands_tell(self):
        self.check(self.state)
        with observed(self.state) as seen:
            self.assertEqual(seen.ask("/v1/plan"), printed("plan", Path(self.folder.name, "kept.yaml"), "--json"))

    def test_whose_first_events_are_not_kept_any_more_is_whole_from_there_on(self):
        with tempfile.TemporaryDirectory() as folder:
            cut = Path(folder, "cut.state")
            shutil.copytree(self.state, cut)
            with observed(self.state) as seen:
                last = seen.ask("/v1/run")["last_seq"]
                kept_from = last // 2
                picture = seen.ask(f"/v1/view?at={kept_from}")
                whole = {seq: seen.ask(f"/v1/view?at={seq}") for seq in range(kept_from, last + 1)}
                lanes = seen.ask("/v1/timeline")["lanes"]
                crashes = {x["id"]: seen.ask(f"/v1/crashes/{x['id']}/account")["crash"] for x in whole[last]["crashes"]}
            # As the store does it when its size or its age is reached.
            with contextlib.closing(sqlite3.connect(cut / "steward.db")) as db, db:
                first_row = db.execute("SELECT min(id) FROM events").fetchone()[0]
                row = first_row - 1 + kept_from
                db.execute("INSERT INTO checkpoints (id, ts, view) SELECT id, ts, ? FROM events WHERE id = ?",
                           (json.dumps(picture), row))
                db.execute("UPDATE runs SET first_seq = ?", (kept_from + 1,))
                db.execute("DELETE FROM events WHERE id <= ?", (row,))
            with observed(cut) as seen:
                self.assertEqual(without_figures(seen.ask("/v1/view")["children"]),
                                 without_figures(whole[last]["children"]))
                for seq, was in whole.items():
                    self.assertEqual(seen.ask(f"/v1/view?at={seq}"), was, seq)
                seen.ask(f"/v1/view?at={kept_from - 1}", status=404)
                told = seen.ask("/v1/timeline")
                self.assertEqual(told["missing"], 0)
                self.assertEqual([x["path"] for x in told["lanes"]], [x["path"] for x in lanes])
                for crash, was in crashes.items():
                    self.assertEqual(seen.ask(f"/v1/crashes/{crash}/account")["crash"], was)

    def test_that_is_written_on_is_followed(self):
        lines = self.file.read_text().splitlines(keepends=True)
        with tempfile.TemporaryDirectory() as folder:
            grows = Path(folder, "grows.jsonl")
            grows.write_text("".join(lines[:20]))
            with observed(grows) as seen:
                self.assertEqual(seen.ask("/v1/run")["state"], "lost", "nobody has told its end")
                self.assertEqual(seen.ask("/v1/run")["last_seq"], 20)
                with grows.open("a") as to:
                    to.write("".join(lines[20:]))
                end = time.monotonic() + LIMIT_S
                while seen.ask("/v1/run")["last_seq"] < len(lines):
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.01)
                self.assertEqual(seen.ask("/v1/run")["state"], "over")
                self.assertEqual(seen.ask("/v1/timeline")["last_seq"], len(lines))

    def test_of_many_events_comes_from_the_file_and_not_from_memory(self):
        # More than are kept in memory: the first ones can only come from the file.
        head = self.file.read_text().splitlines(keepends=True)[:12]
        with tempfile.TemporaryDirectory() as folder:
            long = Path(folder, "long.jsonl")
            first = json.loads(head[0])
            with long.open("w") as to:
                to.write("".join(head))
                for seq in range(len(head) + 1, 90_001):
                    to.write(f'{{"v":1,"seq":{seq},"ts":"{first["ts"]}","run":"{first["run"]}","level":"info",'
                             f'"kind":"output","actor":"","text":"line {seq}"}}\n')
            with observed(long) as seen:
                for seq in (1, 11, 5_000, 60_000, 90_000):
                    self.assertEqual(seen.ask(f"/v1/view?at={seq}")["events"], seq)
                self.assertEqual(seen.ask("/v1/timeline")["missing"], 0)

    def test_has_the_token_of_a_file_time_and_again(self):
        with tempfile.TemporaryDirectory() as folder:
            token = Path(folder, "token")
            tokens = set()
            for _ in range(2):
                with observed(self.file, "--token-file", token) as seen:
                    self.assertEqual(seen.ask("/v1/run")["state"], "over")
                    tokens.add(seen.token)
            scenario = Path(folder, "stays.yaml")
            scenario.write_text("scenario: stays\ntree:\n  children:\n    - {id: a, actor: counter}\n")
            events = Path(folder, "events.jsonl")
            words = ("--stay", "--events", events, "--observe", "0", "--token-file", token)
            with observed(scenario, *words, command=("run",)) as seen:
                self.assertEqual(seen.ask("/v1/run")["state"], "live")
                seen.ask("/v1/run", status=401, headers={"Authorization": "Bearer " + "0" * 32})
                tokens.add(seen.token)
            self.assertEqual(tokens, {token.read_text().strip()})
            self.assertNotIn(seen.token, seen.said + events.read_text(), "others may read what a service tells")

    def test_does_not_begin_with_a_token_that_others_can_read(self):
        with tempfile.TemporaryDirectory() as folder:
            scenario = Path(folder, "ends.yaml")
            scenario.write_text("scenario: ends\ntree:\n  children:\n    - {id: a, actor: counter}\n")
            token = Path(folder, "token")
            token.write_text("0" * 32 + "\n")
            token.chmod(0o644)
            for words in (["run", scenario, "--once", "--observe", "0", "--token-file", token],
                          ["observe", self.file, "--token-file", token],
                          ["run", scenario, "--once", "--token-file", token]):
                out = subprocess.run([STEWARD, *map(str, words)], capture_output=True, text=True, timeout=LIMIT_S)
                self.assertEqual((out.returncode, out.stdout, out.stderr.count("\n")), (2, "", 1), out.stderr)
                self.assertIn("chmod g-w,o=" if "--observe" in words or "observe" in words else "--observe", out.stderr)

    def test_that_cannot_be_shown_says_why(self):
        def fault(*words):
            out = subprocess.run([STEWARD, "observe", *map(str, words)], capture_output=True, text=True,
                                 timeout=LIMIT_S)
            return out.returncode, out.stderr

        self.assertEqual(fault()[0], 2)
        for words, code, text in ((["/does/not/exist"], 6, "no such"),
                                  ([self.file, "--listen", "8.8.8.8:80"], 2, "loopback"),
                                  ([self.file, "--run", "r-none"], 6, "there is no run")):
            got, said = fault(*words)
            self.assertEqual((got, said.count("\n")), (code, 1), said)
            self.assertIn(text, said.lower())
        with tempfile.TemporaryDirectory() as folder:
            env = {**os.environ, "XDG_RUNTIME_DIR": folder}
            scenario = Path(folder, "stays.yaml")
            scenario.write_text("scenario: stays\ntree:\n  children:\n    - {id: a, actor: counter}\n")
            live = subprocess.Popen([STEWARD, "run", scenario, "--json"], env=env, stdout=subprocess.PIPE, text=True)
            try:
                for line in live.stdout:
                    if json.loads(line)["kind"] == "ready":
                        break
                out = subprocess.run([STEWARD, "observe", "stays"], capture_output=True, text=True, env=env,
                                     timeout=LIMIT_S)
                self.assertEqual(out.returncode, 2)
                self.assertIn("--observe", out.stderr)
            finally:
                live.send_signal(signal.SIGTERM)
                live.communicate(timeout=LIMIT_S)


if __name__ == "__main__":
    STEWARD = sys.argv.pop(1)
    unittest.main(verbosity=2)
