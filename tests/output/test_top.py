#!/usr/bin/env python3
"""`steward top` on a terminal that the test plays: what stands on the screen, after keys, resizes and signals.

usage: test_top.py --program STEWARD [unittest's arguments]
"""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from pathlib import Path

PROGRAM = ""
PATIENCE_SECONDS = 40

SERVICE = """scenario: shop
tree:
  intensity: {restarts: 100, within: 5s}
  children:
    - {id: total, actor: counter}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
"""

PIECE = re.compile(r"\x1b\[([?>]?)([0-9;]*)([@-~])|\x1b[()][0-9A-B]|\x1b.|[\r\n\b\x0e\x0f\x07]|[^\x1b\r\n\b\x0e\x0f\x07]+")


class screen:
    """What an xterm shows, as far as ncurses asks anything of one."""

    def __init__(self, rows, columns):
        self.resize(rows, columns)
        self.rest = ""
        self.colours = 0
        self.alternate = None

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.top, self.bottom = 0, rows - 1

    def text(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def feed(self, text):
        text = self.rest + text
        # A sequence that is cut off waits for its rest.
        cut = re.search(r"\x1b(\[[?>]?[0-9;]*|[()])?$", text)
        self.rest = text[cut.start():] if cut else ""
        text = text[:cut.start()] if cut else text
        for found in PIECE.finditer(text):
            piece = found.group(0)
            if found.group(3):
                self.control(found.group(1), found.group(2), found.group(3))
            elif piece == "\r":
                self.column = 0
            elif piece == "\n":
                self.line_feed()
            elif piece == "\b":
                self.column = max(0, self.column - 1)
            elif piece == "\x1bM":
                if self.row == self.top:
                    self.scroll(-1, self.top)
                else:
                    self.row -= 1
            elif not piece.startswith("\x1b") and piece not in "\x0e\x0f\x07":
                self.write(piece)

    def write(self, text):
        for char in text:
            if self.column >= self.columns:
                self.column = 0
                self.line_feed()
            self.cells[self.row][self.column] = char
            self.column += 1
            self.last = char

    def line_feed(self):
        if self.row == self.bottom:
            self.scroll(1, self.top)
        else:
            self.row = min(self.row + 1, self.rows - 1)

    def scroll(self, by, top):
        for _ in range(abs(by)):
            if by > 0:
                del self.cells[top]
                self.cells.insert(self.bottom, [" "] * self.columns)
            else:
                del self.cells[self.bottom]
                self.cells.insert(top, [" "] * self.columns)

    def control(self, private, numbers, final):
        values = [int(x) if x else 0 for x in numbers.split(";")]
        n = max(1, values[0])
        if private:
            if values[0] == 1049:
                self.alternate = final == "h"
        elif final in "Hf":
            self.row = min(n, self.rows) - 1
            self.column = min(max(1, values[1] if len(values) > 1 else 1), self.columns) - 1
        elif final == "J":
            if values[0] == 0:
                self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
                for row in self.cells[self.row + 1:]:
                    row[:] = [" "] * self.columns
            elif values[0] == 2:
                for row in self.cells:
                    row[:] = [" "] * self.columns
        elif final == "K":
            if values[0] == 0:
                self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
            else:
                self.cells[self.row][:self.column + 1] = [" "] * (self.column + 1)
        elif final == "A":
            self.row = max(0, self.row - n)
        elif final == "B":
            self.row = min(self.rows - 1, self.row + n)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + n)
        elif final == "D":
            self.column = max(0, self.column - n)
        elif final == "G":
            self.column = min(n, self.columns) - 1
        elif final == "d":
            self.row = min(n, self.rows) - 1
        elif final == "X":
            for i in range(self.column, min(self.columns, self.column + n)):
                self.cells[self.row][i] = " "
        elif final == "b":
            self.write(self.last * n)
        elif final == "P":
            row = self.cells[self.row]
            del row[self.column:self.column + n]
            row += [" "] * (self.columns - len(row))
        elif final == "@":
            row = self.cells[self.row]
            row[self.column:self.column] = [" "] * n
            del row[self.columns:]
        elif final == "L":
            self.scroll(-n, self.row)
        elif final == "M":
            self.scroll(n, self.row)
        elif final == "S":
            self.scroll(n, self.top)
        elif final == "T":
            self.scroll(-n, self.top)
        elif final == "r":
            self.top = n - 1
            self.bottom = (values[1] if len(values) > 1 and values[1] else self.rows) - 1
            self.row = self.column = 0
        elif final == "m":
            self.colours += sum(1 for x in values if 30 <= x <= 38 or 40 <= x <= 48)


class top:
    """The program on a terminal of this size."""

    def __init__(self, arguments, rows=24, columns=80, environment=None):
        self.screen = screen(rows, columns)
        self.master, slave = pty.openpty()
        self.size(rows, columns, signals=False)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        settings = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(environment or {})}
        for name, value in list(settings.items()):
            if value is None:
                del settings[name]
        self.process = subprocess.Popen([PROGRAM, "top", *arguments], stdin=slave, stdout=slave, stderr=slave,
                                        env=settings, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.raw = ""

    def size(self, rows, columns, signals=True):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if signals:
            self.screen.resize(rows, columns)

    def keys(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            text = os.read(self.master, 65536).decode("utf-8", "replace")
        except OSError:
            return False
        self.raw += text
        self.screen.feed(text)
        return True

    def wait_for(self, wanted):
        """Reads until the screen has it; a text, or what is true of the screen's text."""
        holds = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        until = time.monotonic() + PATIENCE_SECONDS
        while not holds(self.screen.text()):
            if time.monotonic() > until or (self.process.poll() is not None and not self.read(0)):
                raise AssertionError(f"it is not on the screen: {wanted}\n{self.screen.text()}")
            self.read(0.2)

    def end(self):
        """Its exit code; negative for a signal."""
        until = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None and time.monotonic() < until:
            self.read(0.1)
        while self.read(0):
            pass
        return self.process.wait(timeout=1)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


class case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = Path(self.folder.name)
        runtime = self.path / "runtime"
        runtime.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        os.environ.pop("NO_COLOR", None)

    def watch(self, *arguments, **more):
        out = top(list(arguments), **more)
        self.addCleanup(out.close)
        return out

    def ran(self, scenario="crash_recovery"):
        file = self.path / "events.jsonl"
        subprocess.run([PROGRAM, "run", scenario, "--events", file, "--quiet"], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=True)
        return str(file)

    def expect_restored(self, it):
        self.assertIs(it.screen.alternate, False, "the screen of before is back")
        self.assertEqual(termios.tcgetattr(it.slave), it.before)


class dead_runs(case):
    def test_the_tree_and_the_crashes_stand_on_screens_of_any_size(self):
        file = self.ran()
        for rows, columns in ((24, 80), (60, 200), (10, 30), (3, 12)):
            it = self.watch(file, rows=rows, columns=columns)
            it.wait_for("crash_recov" if columns < 20 else "crash_recovery")
            if rows >= 24:
                it.wait_for("LAST CRASHES")
                it.wait_for("├─ ")
                it.wait_for(lambda text: "q quit" in text.splitlines()[-1])
            it.keys("q")
            self.assertEqual(it.end(), 0, it.raw)
            self.expect_restored(it)

    def test_a_resize_is_followed(self):
        it = self.watch(self.ran())
        it.wait_for("q quit")
        it.size(40, 120)
        it.wait_for(lambda text: "q quit" in text.splitlines()[-1] and len(text.splitlines()) == 40)
        it.size(12, 50)
        it.wait_for(lambda text: len(text.splitlines()) == 12 and "enter details" in text.splitlines()[-1])
        it.keys("q")
        self.assertEqual(it.end(), 0)

    def test_keys_lead_to_details_help_and_a_filter(self):
        it = self.watch(self.ran(), rows=40, columns=120)
        it.wait_for("q quit")
        it.keys("?")
        it.wait_for("this page")
        it.keys("?")
        it.wait_for("LAST CRASHES")
        it.keys("/count")
        it.wait_for(lambda text: "/root/counter" in text and "fragile/w1" not in text.split("LAST")[0])
        it.keys("\x1b")
        it.wait_for("└─ fragile")
        it.keys("\x1bOF\r")  # the last crash, which is the first that there was
        it.wait_for("c-0001    /root/fragile/")
        it.keys("\r")
        it.wait_for("LAST CRASHES")
        it.keys("r")
        it.wait_for("the run is over")
        it.keys("q")
        self.assertEqual(it.end(), 0)

    def test_no_color_leaves_colours_out(self):
        file = self.ran()
        plain = self.watch(file, environment={"NO_COLOR": "1"})
        plain.wait_for("q quit")
        plain.keys("q")
        self.assertEqual(plain.end(), 0)
        self.assertEqual(plain.screen.colours, 0)
        coloured = self.watch(file)
        coloured.wait_for("q quit")
        coloured.keys("q")
        coloured.end()
        self.assertGreater(coloured.screen.colours, 0)

    def test_without_utf8_the_tree_is_drawn_in_ascii(self):
        it = self.watch(self.ran(), environment={"LC_ALL": "C"})
        it.wait_for("|- ")
        it.keys("q")
        self.assertEqual(it.end(), 0)
        self.assertTrue(it.raw.isascii())

    def test_a_terminal_that_cannot_is_told_in_one_line(self):
        file = self.ran()
        it = self.watch(file, environment={"TERM": "dumb"})
        self.assertEqual(it.end(), 2)
        self.assertIn("the terminal 'dumb' cannot be painted on", it.raw)
        self.assertEqual(len(it.raw.strip().splitlines()), 1)
        out = subprocess.run([PROGRAM, "top", file], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=PATIENCE_SECONDS)
        self.assertEqual(out.returncode, 2)
        self.assertIn("needs a terminal", out.stderr)
        self.assertEqual(out.stdout, "")

    def test_a_signal_leaves_the_terminal_as_it_was(self):
        it = self.watch(self.ran())
        it.wait_for("q quit")
        it.process.send_signal(signal.SIGTERM)
        self.assertNotEqual(it.end(), 0)
        self.expect_restored(it)


class live_runs(case):
    @contextlib.contextmanager
    def service(self, *options):
        scenario = self.path / "shop.yaml"
        scenario.write_text(SERVICE)
        self.events = self.path / "live.jsonl"
        with open(self.path / "log", "wb") as log:
            process = subprocess.Popen([PROGRAM, "run", scenario, "--events", self.events, *options], stdout=log, stderr=log)
            try:
                self.wait_for_events(lambda e: e["actor"] == "/root/squares/w2" and e["kind"] == "ready")
                yield process
            finally:
                process.terminate()
                process.wait(timeout=PATIENCE_SECONDS)

    def wait_for_events(self, wanted):
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            text = self.events.read_text() if self.events.exists() else ""
            if any(wanted(json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")):
                return
            select.select([], [], [], 0.05)
        raise AssertionError("the event does not come")

    def test_a_child_is_restarted_and_a_pool_scaled_by_keys(self):
        with self.service() as run:
            it = self.watch()
            it.wait_for("├─ total")
            it.keys("\x1bOBr")
            it.wait_for("restart /root/total? y/n")
            it.keys("n")
            it.wait_for("nothing was done")
            it.keys("ry")
            self.wait_for_events(lambda e: e["actor"] == "/root/total" and e["kind"] == "restart")
            it.keys("\x1bOB+")
            it.wait_for("give /root/squares 3 workers? y/n")
            it.keys("y")
            it.wait_for("w3")
            it.keys("p")
            it.wait_for("PAUSED")
            it.keys("q")
            self.assertEqual(it.end(), 0)
            self.assertIsNone(run.poll(), "the run goes on")

    def test_the_live_run_of_a_run_directory_is_steered(self):
        state = str(self.path / "state")
        with self.service("--state", state) as run:
            it = self.watch(state)
            it.wait_for("├─ total")
            it.keys("\x1bOBry")
            it.wait_for("/root/total was restarted")
            self.wait_for_events(lambda e: e["actor"] == "/root/total" and e["kind"] == "restart")
            run.terminate()
            run.wait(timeout=PATIENCE_SECONDS)
            it.wait_for(lambda text: "the run is gone" in text or "over after" in text)
            it.keys("q")
            self.assertEqual(it.end(), 0)
        over = self.watch(state)
        over.wait_for("over after")
        over.keys("r")
        over.wait_for("the run is over")
        over.keys("q")
        self.assertEqual(over.end(), 0)

    def test_a_run_that_ends_stays_on_the_screen(self):
        with self.service() as run:
            it = self.watch()
            it.wait_for("├─ total")
            run.terminate()
            it.wait_for(lambda text: "the run is gone" in text or "over after" in text)
            self.assertIn("total", it.screen.text())
            it.keys("q")
            self.assertEqual(it.end(), 0)


if __name__ == "__main__":
    at = sys.argv.index("--program")
    PROGRAM = os.path.abspath(sys.argv[at + 1])
    unittest.main(argv=[sys.argv[0], *sys.argv[1:at], *sys.argv[at + 2:]])
