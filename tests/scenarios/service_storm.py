#!/usr/bin/env python3
"""A service in a storm that is looked into and steered all the while; at the end everything must add up.

  service_storm.py PROGRAM [--seconds N] [--fill] [--children N] [--measure-each S] [--calm S]

With --fill there are so many events at the start that all that is kept of them in memory is full, and with more children
the samples are after a shorter while (65,536 in all); so growth that goes on shows early. --calm waits between what people
do. The memory that only the program has (private and dirty, as /proc/PID/smaps_rollup tells) and its descriptors are
printed over time, with the slope over the second half. With MALLOC_ARENA_MAX=1 in the environment it is near what is in
use; without it the C library keeps what was freed in up to eight arenas a core, and grows in steps for long.

Starts PROGRAM on a service whose actors and workers crash without end. Meanwhile people ask for everything there is: ps,
tree, log, report, show, top on terminals of two sizes, scale, restart, kill, park, revive, stop and start, reload with a
file that is changed, broken and the same. Then the service is shut down, and this must hold:

- every task has one outcome, every operation is in the log with its author;
- what followed the log saw every event once; the state directory and the events file tell the same;
- neither memory nor descriptors nor threads have grown.
"""
import argparse
import json
import os
import pathlib
import pty
import pwd
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import fcntl
import time

SERVICE = """
scenario: storm_service
tree:
  intensity: {{restarts: 10000, within: 1s}}
  children:
    - id: total
      actor: counter
      backoff: {{min: 1ms, max: 5ms}}
    - id: words
      actor: dictionary
      backoff: {{min: 1ms, max: 5ms}}
    - id: squares
      pool:
        task: square_unless
        runs_in: processes
        workers: {workers}
        attempts: 3
        worker_restarts: {{restarts: 10000, within: 1s}}
    - id: primes
      pool: {{task: count_primes, runs_in: threads, workers: 2}}
    - id: filler
      pool: {{task: square_unless, runs_in: threads, workers: 2, attempts: 1}}
    - id: many
      supervisor:
        strategy: simple_one_for_one
        children:
          - {{id: one, actor: counter}}
run:
{steps}
"""
STEPS = """
  - start_child: {supervisor: many, count: CHILDREN}
    at: start
  - crash: {actor: total}
    every: 100ms
  - crash: {actor: words}
    every: 150ms
  - map: {pool: squares, inputs: [[1, none], [2, none], [3, abort], [4, none], [5, segfault], [6, exit]], print: []}
    every: 200ms
  - map: {pool: primes, inputs: {value: 5000, times: 200}, print: []}
    every: 100ms
"""
# Each input fails, which is one event.
FILL = """
  - map: {pool: filler, inputs: {value: [7, exception], times: 70000}, print: []}
    at: start
"""
START_LIMIT_S = 30
COMMAND_LIMIT_S = 120  # of a debug build on a machine that has other things to do


class Fault(Exception):
    pass


def check(holds, text):
    if not holds:
        raise Fault(text)


class Storm:
    def __init__(self, given):
        self.program = str(pathlib.Path(given.program).resolve())
        self.seconds = given.seconds
        self.measure_each = given.measure_each or given.seconds / 40
        self.calm = given.calm
        self.steps = STEPS.replace("CHILDREN", str(given.children)) + (FILL if given.fill else "")
        self.random = random.Random(given.seed)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="steward_storm_"))
        self.runtime = self.folder / "runtime"
        self.runtime.mkdir(mode=0o700)
        self.file = self.folder / "service.yaml"
        self.events = self.folder / "events.jsonl"
        self.state = self.folder / "state"
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.runtime), NO_COLOR="1", COLUMNS="120")
        self.operations = []  # (verb, path) that went well
        self.counts = {}
        self.sizes = []  # (seconds, KiB that are private and dirty, descriptors, threads)
        self.write_service(workers=4)

    def write_service(self, workers, broken=False):
        text = SERVICE.format(workers=workers, steps=self.steps)
        self.file.write_text(text.replace("strategy:", "stratgy:") if broken else text)

    # Commands.

    def ask(self, *words, allowed=(0,)):
        command = [self.program, *map(str, words)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
        check(done.returncode in allowed,
              f"{' '.join(command[1:])}: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        self.counts[words[0]] = self.counts.get(words[0], 0) + 1
        return done.stdout

    def operate(self, verb, path, *more):
        """What is steered may crash at that very moment, so an operation may be refused; what went well is noted."""
        command = [self.program, verb, path, *map(str, more)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
        check(done.returncode in (0, 1), f"{verb} {path}: exit {done.returncode}: {done.stderr}")
        self.counts[verb] = self.counts.get(verb, 0) + 1
        if done.returncode == 0:
            self.operations.append((verb, path))
        return done.returncode == 0

    def top(self, rows, columns):
        """A terminal of this size, some keys, a resize, and q."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.update(self.environment, TERM="xterm")
            os.execv(self.program, [self.program, "top"])
        try:
            resize(terminal, rows, columns)
            seen = wait_for(terminal, b"squares", COMMAND_LIMIT_S)
            for key in (b"\x1b[B", b"\x1b[B", b"?", b"?", b"p", b"p"):
                os.write(terminal, key)
                read_for(terminal, 0.05)
            resize(terminal, columns // 4, rows * 2)
            seen += read_for(terminal, 0.3)
            os.write(terminal, b"q")
            end = time.monotonic() + COMMAND_LIMIT_S
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                check(time.monotonic() < end, "top does not end after q")
                read_for(terminal, 0.05)
            check(b"squares" in seen, f"top shows no child at {columns}x{rows}: {seen[-500:]!r}")
        finally:
            os.close(terminal)
        self.counts["top"] = self.counts.get("top", 0) + 1

    # What people do.

    def look(self):
        what = self.random.choice(["ps", "tree", "report", "log", "show"])
        if what == "log":
            self.ask("log", "-n", 20)
        elif what == "show":
            crashes = json.loads(self.ask("report", "--format", "json"))
            last = crashes.get("crash_count", 0)
            if last:
                self.ask("show", f"c-{last:04}", allowed=(0, 2))  # another one may have come since
        else:
            self.ask(what)

    def steer(self):
        what = self.random.randrange(7)
        if what == 0:
            self.operate("scale", "/root/squares", self.random.randint(1, 6))
        elif what == 1:
            self.operate("restart", self.random.choice(["/root/total", "/root/words", "/root/squares", "/root/many"]))
        elif what == 2:
            self.operate("kill", self.random.choice(["/root/total", "/root/squares/w1", "/root/words"]))
        elif what == 3:
            if self.operate("stop", "/root/words"):
                self.operate("start", "/root/words")
        elif what == 4:
            if self.operate("park", "/root/total"):
                self.operate("revive", "/root/total")
        elif what == 5:
            self.write_service(workers=self.random.randint(2, 5))
            self.ask("reload", "--dry-run")
            self.ask("reload")
            self.ask("reload")  # the same
        else:
            self.write_service(workers=3, broken=True)
            self.ask("reload", allowed=(1, 3))
            self.write_service(workers=3)

    def measure(self, since):
        status = pathlib.Path(f"/proc/{self.service.pid}")
        memory = next(int(line.split()[1]) for line in (status / "smaps_rollup").read_text().splitlines()
                      if line.startswith("Private_Dirty:"))
        descriptors = len(list((status / "fd").iterdir()))
        threads = len(list((status / "task").iterdir()))
        self.sizes.append((time.monotonic() - since, memory, descriptors, threads))
        print("{:.0f} s: {} KiB, {} descriptors, {} threads".format(*self.sizes[-1]), flush=True)

    def run(self):
        with open(self.folder / "out", "wb") as out, open(self.folder / "err", "wb") as err:
            self.service = subprocess.Popen(
                [self.program, "run", str(self.file), "--state", str(self.state), "--events", str(self.events), "--quiet"],
                env=self.environment, stdout=out, stderr=err)
            try:
                self.steer_through()
            finally:
                if self.service.poll() is None:
                    self.service.kill()
                    self.service.wait()

    def steer_through(self):
        began = time.monotonic()
        while subprocess.run([self.program, "ps", "-o", "name"], env=self.environment, capture_output=True,
                             timeout=COMMAND_LIMIT_S).returncode != 0:
            check(self.service.poll() is None, f"it has ended: {(self.folder / 'err').read_text()[-2000:]}")
            check(time.monotonic() < began + START_LIMIT_S, "ps does not find the service")
        followed = self.folder / "followed.jsonl"
        with open(followed, "wb") as out:
            follower = subprocess.Popen([self.program, "log", "-f", "-o", "json"], env=self.environment, stdout=out)
            try:
                next_measure = 0.0
                while (past := time.monotonic() - began) < self.seconds:
                    if past >= next_measure:
                        self.measure(began)
                        next_measure = past + self.measure_each
                    time.sleep(self.calm)
                    self.look()
                    self.steer()
                    if self.random.randrange(6) == 0:
                        self.top(*self.random.choice([(24, 80), (60, 200)]))
                    check(self.service.poll() is None, f"it has ended: {(self.folder / 'err').read_text()[-2000:]}")
                self.first_lines_of_a_log()
                self.ask("shutdown")
                self.operations.append(("shutdown", "/root"))
                # 1: a step found its child stopped or its pool restarted under it.
                check(self.service.wait(timeout=START_LIMIT_S) in (0, 1), f"exit code {self.service.returncode}")
                check(follower.wait(timeout=START_LIMIT_S) == 0, "who followed the log did not end with the run")
            finally:
                if follower.poll() is None:
                    follower.kill()
        self.judge(followed)

    def first_lines_of_a_log(self):
        """`log -f | head -5` ends."""
        done = subprocess.run(f"'{self.program}' log -f | head -5", shell=True, env=self.environment,
                              capture_output=True, text=True, timeout=COMMAND_LIMIT_S)
        check(len(done.stdout.splitlines()) == 5, f"log -f | head -5: {done.stdout}{done.stderr}")

    # What must hold at the end.

    def judge(self, followed):
        events = [json.loads(line) for line in self.events.read_text().splitlines()]
        numbers = [e["seq"] for e in events]
        check(numbers == list(range(1, len(events) + 1)), "the events file has a gap")
        self.judge_tasks(events)
        self.judge_operations(events)
        told = [json.loads(line)["seq"] for line in followed.read_text().splitlines()]
        check(told == list(range(told[0], told[0] + len(told))), "who followed the log has missed events")
        check(told[-1] >= numbers[-1] - 1, f"who followed the log saw {told[-1]} of {numbers[-1]}")
        kept = json.loads(self.ask("report", self.state, "--format", "json"))
        written = json.loads(self.ask("report", self.events, "--format", "json"))
        for key in ("crash_count", "restarts", "events", "interventions", "last_seq"):
            check(kept.get(key) == written.get(key), f"{key}: {kept.get(key)} in the store, {written.get(key)} written")
        self.judge_sizes()
        crashes = sum(1 for e in events if e["kind"] == "crash")
        print(f"{self.seconds} s: {len(events)} events, {crashes} crashes, {len(self.operations)} operations, "
              f"{sum(self.counts.values())} commands {dict(sorted(self.counts.items()))}")
        half = self.sizes[len(self.sizes) // 2:]
        print(f"second half: memory {slope(half, 1):+.1f} KiB/min, descriptors {slope(half, 2):+.2f}/min, "
              f"threads {slope(half, 3):+.2f}/min")

    def judge_tasks(self, events):
        submitted = ended = 0
        for e in events:
            child = e.get("child", {})
            if "submitted" in child:
                submitted += child["submitted"]
                ended += child.get("succeeded", 0) + child.get("failed", 0)
        check(submitted > 0, "no task was submitted")
        check(submitted == ended, f"{submitted} tasks submitted, {ended} ended")

    def judge_operations(self, events):
        me = f"uid {os.getuid()} ({pwd.getpwuid(os.getuid()).pw_name})"
        told = [e for e in events if e["kind"] == "operator" and e.get("by") == me]
        for verb, path in self.operations:
            check(any(path in (e["actor"], e["actor"].rsplit("/", 1)[0]) for e in told), f"{verb} {path} is in no event")
        check(len(told) >= len(self.operations), f"{len(self.operations)} operations, {len(told)} told")

    def judge_sizes(self):
        """What was there after a third of the time is not much less than at the end; in a short run all is still filling."""
        if self.seconds < 120:
            return
        settled = self.sizes[len(self.sizes) // 3:]
        half = len(settled) // 2
        for column, most, what in ((1, 16 * 1024, "KiB of memory"), (2, 24, "descriptors"), (3, 8, "threads")):
            before = max(x[column] for x in settled[:half])
            after = min(x[column] for x in settled[half:])
            check(after <= before + most, f"{what}: at most {before} before, at least {after} later")


def slope(points, column):
    """Least squares, a minute."""
    if len(points) < 2:
        return 0.0
    times = [x[0] / 60 for x in points]
    values = [x[column] for x in points]
    mean_time, mean_value = sum(times) / len(times), sum(values) / len(values)
    spread = sum((t - mean_time) ** 2 for t in times)
    return sum((t - mean_time) * (v - mean_value) for t, v in zip(times, values)) / spread


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def read_for(terminal, seconds):
    out = b""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            try:
                out += os.read(terminal, 65536)
            except OSError:
                return out
    return out


def wait_for(terminal, what, seconds):
    out = b""
    end = time.monotonic() + seconds
    while what not in out and time.monotonic() < end:
        out += read_for(terminal, 0.05)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fill", action="store_true", help="fills what is kept of events at the start")
    parser.add_argument("--children", type=int, default=50, help="of the dynamic supervisor")
    parser.add_argument("--measure-each", type=float, default=0, help="seconds; left out: 40 times in all")
    parser.add_argument("--calm", type=float, default=0, help="seconds between what people do")
    storm = Storm(parser.parse_args())
    try:
        storm.run()
    except (Fault, subprocess.TimeoutExpired) as fault:
        print(f"{fault}\nin {storm.folder}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
