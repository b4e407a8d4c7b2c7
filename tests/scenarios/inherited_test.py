#!/usr/bin/env python3
"""What tasks print, and what they get of the program's signals and terminal: real runs of a program with such tasks.

usage: inherited_test.py PROGRAM [TEST...]
"""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import tempfile
import termios
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

    def run_program(self, path, *options, held_back=()):
        return subprocess.run([PROGRAM, "run", path, *options], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=LIMIT, check=False,
                              preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, held_back))


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

    def test_of_tasks_on_threads_leaves_a_json_stream_whole(self):
        done = self.run_program(scenario(self.folder.name, "say", "[one, two]", "threads"), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
        self.assertEqual((kinds[0], kinds[-1]), ("run_start", "run_end"))
        self.assertRegex(done.stderr, r"(?m)^one$")

    def test_of_tasks_bears_their_workers_name(self):
        done = self.run_program(scenario(self.folder.name, "say", "[one]"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(?m)^/root/p/w[12]: one$")
        self.assertRegex(done.stderr, r"(?m)^/root/p/w[12]: one, loudly$")


class Signals(Case):
    """A task's program gets no more than the program itself: `timeout` needs SIGALRM and SIGTERM, `yes | head` SIGPIPE."""

    def results(self, runs_in):
        done = self.run_program(scenario(self.folder.name, "shell", "['timeout 1 sleep 8', 'kill -s PIPE $$']", runs_in))
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()[-1]

    def test_reach_what_tasks_on_threads_start(self):
        self.assertIn(f"[124, {-signal.SIGPIPE}]", self.results("threads"))

    def test_reach_what_actors_start(self):
        commands = {"timeout 1 sleep 8": 124,
                    "grep -q ^SigBlk:.*[1-9a-f] /proc/self/status": 1,  # nothing is held back
                    "grep -qE ^SigIgn:.*[13579bdf].{3}$ /proc/self/status": 1}  # SIGPIPE is not ignored
        path = os.path.join(self.folder.name, "a.yaml")
        with open(path, "w", encoding="utf-8") as out:
            out.write("scenario: s\ntree:\n  children:\n")
            for i, command in enumerate(commands):
                out.write(f"    - {{id: a{i}, actor: starter, with: {{command: {json.dumps(command)}}}}}\n")
            out.write("run:\n" + "".join(f"  - show: {{actor: a{i}}}\n" for i in range(len(commands))))
        # What the program handles its own threads take, whatever it was started with.
        done = self.run_program(path, held_back=(signal.SIGTERM, signal.SIGINT))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([line for line in done.stdout.splitlines() if line[0] == "a"],
                         [f"a{i}: {code}" for i, code in enumerate(commands.values())])

    def test_reach_what_tasks_in_processes_start(self):
        self.assertIn(f"[124, {-signal.SIGPIPE}]", self.results("processes"))


class Terminal(Case):
    """Real terminals; the program is a job of a session of its own."""

    def start(self, path, *options):
        pid, master = pty.fork()
        if pid == 0:
            attributes = termios.tcgetattr(0)
            attributes[3] |= termios.TOSTOP
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            # A job of its own, in the foreground, as a shell makes it.
            job = os.fork()
            if job == 0:
                os.setpgid(0, 0)
                signal.signal(signal.SIGTTOU, signal.SIG_IGN)
                os.tcsetpgrp(0, os.getpgrp())
                signal.signal(signal.SIGTTOU, signal.SIG_DFL)
                os.execv(PROGRAM, [PROGRAM, "run", path, *options])
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            while True:
                _, status = os.waitpid(job, os.WUNTRACED)
                if os.WIFSTOPPED(status):
                    os.tcsetpgrp(0, os.getpgrp())
                    os.write(1, b"<stopped>")
                    os.read(0, 1)  # until the test says so
                    os.tcsetpgrp(0, job)
                    os.killpg(job, signal.SIGCONT)
                else:
                    os._exit(os.waitstatus_to_exitcode(status) & 0xff)
        self.addCleanup(os.close, master)
        return pid, master

    def read_until(self, master, text, seen=""):
        deadline = time.monotonic() + LIMIT
        while text not in seen and time.monotonic() < deadline:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                part = os.read(master, 4096)
            except OSError:  # the last process has closed it
                break
            seen += part.decode(errors="replace")
        self.assertIn(text, seen)
        return seen

    def end_of(self, pid, master):
        seen = ""
        try:
            while select.select([master], [], [], LIMIT)[0]:
                seen += os.read(master, 4096).decode(errors="replace")
        except OSError:
            pass
        return seen, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def test_with_tostop_does_not_stop_a_task_that_prints_or_reads(self):
        for task, inputs in (("say", "[one, two]"), ("read_terminal", "[[], []]")):
            pid, master = self.start(scenario(self.folder.name, task, inputs, more=", heartbeat: 1s"))
            seen, code = self.end_of(pid, master)
            self.assertEqual(code, 0, seen)
            self.assertNotIn("frozen", seen)

    def test_stops_and_continues_tasks_with_the_program(self):
        pid, master = self.start(scenario(self.folder.name, "count", "[150, 150]", more=", heartbeat: 1s"))
        seen = self.read_until(master, "at 10")
        os.write(master, b"\x1a")
        seen = self.read_until(master, "<stopped>", seen)
        workers = workers_of(children_of(pid)[0])
        self.assertEqual(len(workers), 2)
        for worker in workers:
            self.wait_for_state(worker, "T")
        os.write(master, b"g\n")
        rest, code = self.end_of(pid, master)
        self.assertEqual(code, 0, rest)
        self.assertIn("at 150", rest)
        self.assertNotIn("frozen", rest)

    def wait_for_state(self, pid, state):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            if state_of(pid) == state:
                return
            time.sleep(0.01)
        self.fail(f"process {pid} is in state {state_of(pid)}")


def stat_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as text:
        return text.read().rsplit(")", 1)[1].split()


def state_of(pid):
    return stat_of(pid)[0]


def children_of(pid):
    out = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if int(stat_of(name)[1]) == pid:
                out.append(int(name))
        except OSError:
            pass  # it has ended
    return out


def workers_of(program):
    """Its children but the zygote, which has no task's pipes and is the oldest."""
    return sorted(children_of(program))[1:]


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
