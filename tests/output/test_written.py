#!/usr/bin/env python3
"""What the program writes to readers that are late, stalled or gone, to disks that are full, and to files that hold
something already; and what it says of a run that is stopped.

usage: test_written.py --program STEWARD [unittest's arguments]
"""

import fcntl
import json
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

LIMIT_SECONDS = 60
STOP_SECONDS = 20  # far below what any of these runs would take
PROGRAM = ""

MANY_LINES = """scenario: many
tree:
  children:
    - {id: p, pool: {task: square, runs_in: threads, workers: 2}}
run:
  - map: {pool: p, inputs: 1..20000, print: [each]}
"""

SLOW = """scenario: slow
tree:
  children:
    - {id: p, pool: {task: wait_ms, runs_in: processes, workers: 2}}
run:
  - map: {pool: p, inputs: {value: 100, times: 100}, order: completion, print: [each, results]}
"""


class output_test(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def path(self, name):
        return str(self.folder / name)

    def events(self, name):
        text = (self.folder / name).read_text()
        return [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]  # whole lines

    def start(self, *arguments, **how):
        process = subprocess.Popen([PROGRAM, *arguments], stdin=subprocess.DEVNULL, **how)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def run_it(self, *arguments, **how):
        how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
        return subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, text=True, timeout=LIMIT_SECONDS, **how)

    def wait_for(self, condition, what):
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def wait_for_text(self, name, text, times=1):
        file = self.folder / name
        self.wait_for(lambda: file.exists() and file.read_text().count(text) >= times, f"no {text} in {name}")

    def wait_until_up(self, name):
        """The steps begin at once then."""
        self.wait_for(lambda: (self.folder / name).exists() and any(
            e["kind"] == "child" and e["actor"] == "/root" and e["child"].get("state") == "up"
            for e in self.events(name)), "the tree is up")


class full_disks(output_test):
    COMMANDS = [["version"], ["version", "--json"], ["actors"], ["actors", "--json"], ["actors", "adder"],
                ["validate", "square"], ["validate", "square", "--format", "json"], ["plan", "square"],
                ["plan", "square", "--json"], ["--help"], ["run", "--help"], ["run", "square"],
                ["run", "square", "--json"]]

    def test_every_command_tells_of_them(self):
        for command in self.COMMANDS:
            with self.subTest(command), open("/dev/full", "w") as full:
                result = self.run_it(*command, stdout=full)
                self.assertEqual(result.returncode, 70)
                self.assertIn("steward: stdout: No space left on device\n", result.stderr)

    def test_are_no_matter_for_lines_that_are_for_people(self):
        with open("/dev/full", "w") as full:
            result = self.run_it("run", "square", "--verbose", stderr=full)
        self.assertEqual(result.returncode, 0)
        self.assertIn("Pool Size: 8", result.stdout)

    def test_may_be_limits_on_the_size_of_files(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        scenario = self.write("many.yaml", MANY_LINES)
        for command in (["actors"], ["run", scenario], ["run", scenario, "--json"]):
            with self.subTest(command), open(self.path("out"), "w") as out:
                result = self.run_it(*command, stdout=out, preexec_fn=limit)
                self.assertEqual(result.returncode, 70, result.stderr)
                self.assertIn("stdout: File too large", result.stderr)
        result = self.run_it("run", scenario, "--events", self.path("events"), preexec_fn=limit)
        self.assertEqual(result.returncode, 70, result.stderr)
        self.assertEqual(result.stdout.count("\n"), 20_000, "the run goes on without its log")

    def test_of_the_events_count_as_those_of_stdout(self):
        result = self.run_it("run", "square", "--events", "/dev/full")
        self.assertEqual(result.returncode, 70)
        self.assertIn("events file /dev/full: No space left on device", result.stderr)


class readers(output_test):
    def pipe_that_does_not_block(self):
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETFL, fcntl.fcntl(writer, fcntl.F_GETFL) | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        return reader, writer

    def test_that_are_late_get_all_of_it(self):
        scenario = self.write("many.yaml", MANY_LINES)
        for more in ([], ["--json"]):
            with self.subTest(more):
                reader, writer = self.pipe_that_does_not_block()
                events = f"events{len(more)}"
                process = self.start("run", scenario, "--events", self.path(events), *more, stdout=writer,
                                     stderr=subprocess.PIPE)
                os.close(writer)
                self.wait_for_text(events, '"kind":"run_end"')
                got = b""
                while part := os.read(reader, 65536):
                    got += part
                self.assertEqual(process.wait(LIMIT_SECONDS), 0, process.stderr.read())
                self.assertEqual(got.count(b"\n"), len(self.events(events)) if more else 20_000)

    def test_that_stall_do_not_outlast_the_first_signal(self):
        scenario = self.write("many.yaml", MANY_LINES)
        for number, more in enumerate(([], ["--json"])):
            for signal_ in (signal.SIGTERM, signal.SIGINT):
                with self.subTest(more=more, signal=signal_):
                    reader, writer = os.pipe()
                    self.addCleanup(os.close, reader)
                    events = f"events{number}{int(signal_)}"
                    process = self.start("run", scenario, "--events", self.path(events), *more, stdout=writer,
                                         stderr=subprocess.PIPE)
                    os.close(writer)
                    self.wait_for_text(events, '"kind":"run_end"')  # only the reader is waited for
                    process.send_signal(signal_)
                    self.assertEqual(process.wait(STOP_SECONDS), 128 + signal_)
                    self.assertIn(b"its reader takes nothing any more", process.stderr.read())

    def test_of_the_events_that_stall_do_not_either(self):
        os.mkfifo(self.path("fifo"))
        reader = os.open(self.path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        scenario = self.write("many.yaml", MANY_LINES)
        process = self.start("run", scenario, "--events", self.path("fifo"), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        for _ in range(20_000):
            process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(STOP_SECONDS), 143)

    def test_that_stall_on_a_terminal_do_not_either(self):
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        scenario = self.write("many.yaml", MANY_LINES)
        process = self.start("run", scenario, "--events", self.path("events"), stdout=slave, stderr=slave)
        os.close(slave)
        self.wait_for_text("events", '"kind":"run_end"')
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(STOP_SECONDS), 143)

    def test_of_standard_error_that_stall_hold_nothing_up(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = self.start("run", "crash_recovery", "--verbose", stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        self.assertEqual(process.wait(LIMIT_SECONDS), 0)


class a_terminal(output_test):
    def test_that_is_gone_does_not_end_the_run(self):
        scenario = self.write("slow.yaml", SLOW)
        pid, master = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup or disown would have it
            os.execv(PROGRAM, [PROGRAM, "run", scenario, "--events", self.path("events")])
        self.wait_for_text("events", '"kind":"output"', 4)
        os.close(master)
        _, status = os.waitpid(pid, 0)
        ends = [e for e in self.events("events") if e["kind"] == "run_end"]
        self.assertEqual([e["code"] for e in ends], [0])
        self.assertEqual(os.waitstatus_to_exitcode(status), 70, "what was printed could not be written")


class the_events_file(output_test):
    def test_keeps_what_an_earlier_run_has_written(self):
        for _ in range(2):
            self.assertEqual(self.run_it("run", "square", "--events", self.path("events")).returncode, 0)
        events = self.events("events")
        self.assertEqual(len({e["run"] for e in events}), 2)
        self.assertEqual([e["seq"] for e in events if e["kind"] == "run_start"], [1, 1])

    def test_is_not_that_of_a_standard_stream(self):
        for stream in ("stdout", "stderr"):
            with self.subTest(stream), open(self.path("both"), "w") as both:
                result = self.run_it("run", "square", "--json", "--events", self.path("both"), **{stream: both})
                self.assertEqual(result.returncode, 2)
                if stream == "stdout":
                    self.assertIn("each would write over the other", result.stderr)

    def test_is_left_alone_when_it_is_something_else(self):
        for name, text in (("s.yaml", MANY_LINES), ("notes.txt", "x"), ("data.json", '{"version": 1}\n')):
            with self.subTest(name):
                file = self.write(name, text)
                result = self.run_it("run", file if name == "s.yaml" else "square", "--events", file)
                self.assertEqual(result.returncode, 2)
                self.assertIn("it holds something else than events", result.stderr)
                self.assertIn("nothing was started", result.stderr)
                self.assertEqual(Path(file).read_text(), text)

    def test_of_a_soak_is_left_alone_too(self):
        file = self.write("notes.txt", "mine\n")
        result = self.run_it("soak", "--seconds", "1", "--tasks", "100", "--history", file)
        self.assertEqual(result.returncode, 5)
        self.assertIn("holds something else than a history", result.stderr)
        self.assertEqual(Path(file).read_text(), "mine\n")

    def test_has_a_name(self):
        for arguments in (["--events", ""], ["--events="], ["--events=", "--json"]):
            with self.subTest(arguments):
                result = self.run_it("run", "square", *arguments, cwd=self.folder)
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stdout, "")
                self.assertIn("--events", result.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_is_made_anew_at_a_hangup_after_a_rename(self):
        scenario = self.write("slow.yaml", SLOW)
        process = self.start("run", scenario, "--events", self.path("events"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE)
        self.wait_for_text("events", '"kind":"output"')
        os.rename(self.path("events"), self.path("events.1"))
        process.send_signal(signal.SIGHUP)
        self.wait_for_text("events", '"kind":')
        self.assertEqual(process.wait(LIMIT_SECONDS), 0, process.stderr.read())
        both = self.events("events.1") + self.events("events")
        self.assertEqual([e["seq"] for e in both], list(range(1, len(both) + 1)), "none is lost or doubled")
        self.assertEqual(both[-1]["kind"], "run_end")


class a_stop(output_test):
    def test_says_how_many_inputs_were_not_run(self):
        cases = [("processes", "completion", signal.SIGTERM), ("processes", "inputs", signal.SIGINT),
                 ("threads", "completion", signal.SIGINT), ("threads", "inputs", signal.SIGTERM)]
        for place, order, signal_ in cases:
            with self.subTest(place=place, order=order, signal=signal_):
                events = f"events.{place}.{order}"
                process = self.start("run", self.write("slow.yaml", SLOW), "--set",
                                     f"tree.children.p.pool.runs_in={place}", "--set", f"run.0.map.order={order}",
                                     "--events", self.path(events), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                     text=True)
                self.wait_until_up(events)
                time.sleep(0.3)  # of 5 s that it takes
                process.send_signal(signal_)
                out, err = process.communicate(timeout=STOP_SECONDS)
                self.assertEqual(process.returncode, 128 + signal_)
                self.assertNotIn("failed", out.lower())
                told = re.search(r"^stopped by (\w+): (\d+) of 100 inputs not run", out, re.M)
                self.assertTrue(told, out)
                self.assertEqual(told.group(1), signal_.name)
                results = re.search(r"^Results: \[(.*)\]$", out, re.M).group(1).split(", ")
                self.assertEqual(int(told.group(2)), results.count("not run"))
                self.assertEqual(results.count("100"), 100 - int(told.group(2)))
                self.assertIn(f"{signal_.name}: the run is being stopped; a second one ends it at once", err)


class a_report(output_test):
    def test_of_a_deadline_is_one_block(self):
        for place in ("processes", "threads"):
            with self.subTest(place):
                scenario = self.write("late.yaml", f"""scenario: late
tree:
  children:
    - {{id: p, pool: {{task: wait_ms, runs_in: {place}, workers: 1, deadline: 1s}}}}
run:
  - map: {{pool: p, inputs: [3000, 1]}}
""")
                result = self.run_it("run", scenario)
                blocks = [b for b in re.split(r"\n(?=\d)", result.stderr) if "deadline" in b and "WARN" not in b
                          and "SUMMARY" not in b]
                self.assertEqual(len(blocks), 1, result.stderr)
                self.assertRegex(blocks[0], r"(?s)HANG .*longer than 1s\n.*wait_ms\(3000\).*\n.*task 1 is failed")
                self.assertNotIn("FAILED ", result.stderr)

    def test_of_a_kill_by_hand_does_not_guess_at_memory_that_was_counted(self):
        if not any(Path("/sys/fs/cgroup").glob("**/memory.oom_control")) and not \
                any(Path("/sys/fs/cgroup").glob("**/memory.events")):
            self.skipTest("the kernel's count is not to be had here")
        scenario = self.write("slow.yaml", SLOW)
        process = self.start("run", scenario, "--events", self.path("events"), stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, text=True)
        self.wait_for_text("events", '"kind":"output"')
        victim = next(e["pid"] for e in self.events("events") if e["kind"] == "ready" and e["actor"].endswith("/w1"))
        os.kill(victim, signal.SIGKILL)
        err = process.communicate(timeout=LIMIT_SECONDS)[1]
        self.assertIn("SIGKILL: not sent by us\n", err)

    def test_ends_with_three_lines_always(self):
        for command in (["square"], ["crash_recovery"]):
            with self.subTest(command):
                lines = self.run_it("run", *command).stderr.splitlines()
                self.assertRegex(lines[-3], r"^\d\d:\d\d:\d\d\.\d{3}  SUMMARY  \d+ crash")
                self.assertRegex(lines[-2], r"^ +\d+ recover")
                self.assertRegex(lines[-1], r"^ +\d+ tasks? retried, \d+ tasks? lost")

    def test_bears_dates_when_asked_to(self):
        err = self.run_it("run", "square", "--dates").stderr
        self.assertRegex(err, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  SUMMARY  ")


if __name__ == "__main__":
    PROGRAM = sys.argv[sys.argv.index("--program") + 1]
    del sys.argv[sys.argv.index("--program"):sys.argv.index("--program") + 2]
    unittest.main(verbosity=2)
