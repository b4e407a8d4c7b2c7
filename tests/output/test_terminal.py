#!/usr/bin/env python3
"""A run on a terminal whose workers are killed all the while, its log read by a program: times never go back, every
lost task is named once, the bar never shares a line, and the figures of the summary are those of the events.

usage: test_terminal.py --program STEWARD [--seconds N] [--crashes N] [unittest's arguments]
The usual run is short; three minutes with 1,500 crashes are `--seconds 180 --crashes 1500`.
"""

import contextlib
import fcntl
import json
import math
import os
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from pathlib import Path

PROGRAM = ""
SECONDS = 6
CRASHES = 60
PATIENCE_SECONDS = 120  # beyond the run itself

SIGNALS = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS]
WORKERS = 4
NAP_MS = 20

SCENARIO = """scenario: killed_all_the_while
tree:
  children:
    - id: once
      pool: {{task: wait_ms, runs_in: processes, workers: {workers}, attempts: 1, deadline: 400ms, grace: 50ms,
             worker_restarts: {{restarts: 10000, within: 1s}}}}
    - id: thrice
      pool: {{task: wait_ms, runs_in: processes, workers: {workers}, attempts: 3,
             worker_restarts: {{restarts: 10000, within: 1s}}}}
run:
  - parallel:
      - map: {{pool: once, inputs: {{values: [{naps}], times: {rounds}}}, print: []}}
      - map: {{pool: thrice, inputs: {{value: {nap}, times: {inputs}}}, print: []}}
"""

BAR = re.compile(r"\d+ %(, \d+ of \d+)?(, \d+ failed)?$")
TIMED = re.compile(r"^(\d\d:\d\d:\d\d\.\d{3})  (\S+(?: UP)?) +(.*)$")


class screen:
    """What a terminal of this many columns shows, as far as the program asks anything of one."""

    def __init__(self, columns):
        self.columns = columns
        self.rows = [""]    # of the line that the cursor is on; more than one when it has wrapped
        self.column = 0
        self.lines = []     # those that were ended
        self.faults = []
        self.bars = 0

    def feed(self, text):
        for piece in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|\r?\n|\r|[^\x1b\r\n]+", text):
            if piece == "\r":
                self.look_at_bar()
                self.column = 0
            elif piece.endswith("\n"):
                self.end_line()
            elif piece.startswith("\x1b"):
                if piece.endswith("K"):
                    self.rows[-1] = self.rows[-1][:self.column]
            else:
                for char in piece:
                    if self.column == self.columns:
                        self.rows.append("")
                        self.column = 0
                    row = self.rows[-1].ljust(self.column)
                    self.rows[-1] = row[:self.column] + char + row[self.column + 1:]
                    self.column += 1

    def look_at_bar(self):
        line = "".join(self.rows)
        if not line:
            return
        self.bars += 1
        if len(self.rows) > 1 or not BAR.search(line):
            self.faults.append(f"not a whole bar: {line!r}")

    def end_line(self):
        line = "".join(self.rows)
        if re.search(r"\d+ %, \d+ of", line):
            self.faults.append(f"a bar shares a line: {line!r}")
        self.lines.append(line)
        self.rows, self.column = [""], 0


class killer(threading.Thread):
    """Sends signals to workers that have a task, as the events name them, until this many have crashed."""

    def __init__(self, events_file):
        super().__init__()
        self.file = events_file
        self.over = threading.Event()
        self.random = random.Random(7)

    def run(self):
        began = time.monotonic()
        alive, crashed, buffered = {}, 0, ""
        while not self.file.exists():
            if self.over.wait(0.01):
                return
        with self.file.open() as events:
            while crashed < CRASHES and not self.over.wait(0.005):
                buffered += events.read()
                *lines, buffered = buffered.split("\n")
                for event in map(json.loads, lines):
                    if event["kind"] in ("ready", "recover") and "pid" in event:
                        alive[event["actor"]] = event["pid"]
                    elif event["kind"] == "crash":
                        crashed += 1
                        alive.pop(event["actor"], None)
                due = CRASHES * (time.monotonic() - began) / (0.9 * SECONDS)
                if crashed < due and alive:
                    actor = self.random.choice(sorted(alive))
                    with contextlib.suppress(ProcessLookupError):  # it ran past its deadline meanwhile
                        os.kill(alive.pop(actor), self.random.choice(SIGNALS))


def run_on_terminal(columns, folder):
    rounds = SECONDS * 1000 * WORKERS // (NAP_MS * 50)
    naps = ", ".join(["700"] + [str(NAP_MS)] * 49)  # one of fifty is late
    (folder / "scenario.yaml").write_text(SCENARIO.format(
        workers=WORKERS, naps=naps, rounds=max(1, rounds * 2 // 3), nap=NAP_MS, inputs=SECONDS * 1000 * WORKERS // NAP_MS))
    events = folder / "events.jsonl"
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen([PROGRAM, "run", str(folder / "scenario.yaml"), "--events", str(events)],
                               stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
    os.close(slave)
    kills = killer(events)
    kills.start()
    shown, deadline = b"", time.monotonic() + SECONDS + PATIENCE_SECONDS
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.5)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # the terminal of a program that has ended
                    break
    finally:
        kills.over.set()
        kills.join()
        os.close(master)
        if process.poll() is None and time.monotonic() >= deadline:
            process.kill()
        process.wait()
    if not events.exists():
        raise AssertionError(shown.decode())
    view = screen(columns)
    view.feed(shown.decode())
    return process.returncode, view, [json.loads(line) for line in events.read_text().splitlines()]


def ids_of(text):
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        yield from range(int(first), int(last or first) + 1)


def lost_tasks_named(lines):
    """(pool, task) as often as a line says that the task is lost."""
    named, pool = [], ""
    for line in lines:
        timed = TIMED.match(line)
        if timed:
            pool = re.match(r"(/root/\w+)?", timed.group(3)).group()
        lost = re.search(r"^ +lost: tasks? (.*)$", line)
        one = re.search(r"task (\d+) is (?:failed|quarantined)$", line)
        if lost:
            named += [(pool, task) for task in ids_of(lost.group(1))]
        elif one:
            named.append((pool, int(one.group(1))))
    return named


def nearest_rank(values, percent):
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


class a_run_on_a_terminal(unittest.TestCase):
    def check(self, columns):
        with tempfile.TemporaryDirectory() as scratch:
            code, view, events = run_on_terminal(columns, Path(scratch))
        of_kind = lambda kind: [e for e in events if e["kind"] == kind]
        self.assertEqual(code, 1, "tasks were lost")
        self.assertGreaterEqual(len(of_kind("crash")), CRASHES // 2, "a busy machine kills late, but not so late")
        self.assertEqual(view.faults, [])
        self.assertGreater(view.bars, SECONDS)
        self.assertEqual("".join(view.rows), "", "the bar is left")

        timed = [m for m in map(TIMED.match, view.lines) if m]
        times = [m.group(1) for m in timed]
        self.assertEqual(times, sorted(times), "times go back")

        lost = sorted((e["actor"].rsplit("/", 1)[0], e["task"]["id"])
                      for e in of_kind("task_quarantine") + of_kind("task_fail"))
        self.assertGreater(len(lost), 0)
        self.assertEqual(sorted(lost_tasks_named(view.lines)), lost, "each lost task is named once")

        self.check_summary(view.lines[-3:], of_kind)
        print(f"{columns} columns: {len(of_kind('crash'))} crashes, {len(lost)} tasks lost, {len(view.lines)} lines, "
              f"{view.bars} bars; {events[-1]['ts'][11:19]} - {events[0]['ts'][11:19]}\n  " + "\n  ".join(view.lines[-3:]))

    def check_summary(self, lines, of_kind):
        crashes = re.match(r".*  SUMMARY  (\d+) crashes: (.*)$", lines[0])
        self.assertTrue(crashes, lines)
        self.assertEqual(int(crashes.group(1)), len(of_kind("crash")))
        for pool, causes in re.findall(r"(/root/\w+) \(([^)]*)\)", crashes.group(2)):
            of_pool = [e for e in of_kind("crash") if e["actor"].startswith(pool + "/")]
            counts = dict((why, int(n)) for n, why in re.findall(r"(\d+) ([^,]+)", causes))
            self.assertEqual(sum(counts.values()), len(of_pool), lines[0])
            for name in {e["cause"].get("signal") for e in of_pool if e["cause"]["class"] == "signal"}:
                self.assertEqual(counts[name], sum(e["cause"]["class"] == "signal" and e["cause"]["signal"] == name
                                                   for e in of_pool))
        recoveries = re.match(r" +(\d+) recoveries, p50 ([\d.]+) (m?s), p99 ([\d.]+) (m?s)$", lines[1])
        self.assertTrue(recoveries, lines)
        took = [e["recovery_ms"] for e in of_kind("recover")]
        self.assertEqual(int(recoveries.group(1)), len(took))
        for percent, shown, unit in ((50, *recoveries.group(2, 3)), (99, *recoveries.group(4, 5))):
            right = nearest_rank(took, percent)
            # Times are kept to 1.25 %, and shown with three digits.
            self.assertAlmostEqual(float(shown) * (1000 if unit == "s" else 1), right, delta=0.06 + right * 0.0185)
        work = re.match(r" +(\d+) tasks? retried, (\d+) tasks? lost", lines[2])
        self.assertTrue(work, lines)
        self.assertEqual(int(work.group(1)), len(of_kind("task_retry")))
        self.assertEqual(int(work.group(2)), len(of_kind("task_quarantine")) + len(of_kind("task_fail")))

    def test_of_44_columns_is_in_order(self):
        self.check(44)

    def test_of_120_columns_is_in_order(self):
        self.check(120)


def take(option, fallback):
    if option not in sys.argv:
        return fallback
    at = sys.argv.index(option)
    value = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    return value


if __name__ == "__main__":
    PROGRAM = take("--program", PROGRAM)
    SECONDS = int(take("--seconds", SECONDS))
    CRASHES = int(take("--crashes", CRASHES))
    unittest.main(verbosity=2)
