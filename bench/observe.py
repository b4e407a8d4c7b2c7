#!/usr/bin/env python3
"""What it costs to be looked into: start-up, ps of many children, and a stream with many readers.

  observe.py PROGRAM [--before PROGRAM] [--rounds N]

--before names a program to compare the start-up with, such as one that was built earlier. All is measured in turns, so
that what else the machine does hits both alike; read the ratios.
"""
import argparse
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

EMPTY = "scenario: empty\ntree: {children: [{id: total, actor: counter}]}\nrun: []\n"
SQUARE = """
scenario: squares
tree: {children: [{id: squares, pool: {task: square, runs_in: processes, workers: 2}}]}
run: [{map: {pool: squares, inputs: 1..10, print: []}}]
"""
MANY = """
scenario: many
tree:
  children:
    - id: many
      supervisor: {strategy: simple_one_for_one, children: [{id: one, actor: counter}]}
run: [{start_child: {supervisor: many, count: %d}, at: start}]
"""
STORM = """
scenario: storm
tree:
  intensity: {restarts: 10000, within: 1s}
  children:
    - id: squares
      pool: {task: square_unless, runs_in: threads, workers: 2, on_exception: retry, attempts: 2}
run: [{map: {pool: squares, inputs: {value: [7, exception], times: 200000}, print: []}}]
"""


# Some 10,000 events a second on the machine that the figures are of.
WATCHED = """
scenario: watched
tree:
  children:
    - id: squares
      pool: {task: square_unless, runs_in: threads, workers: 1, on_exception: retry, attempts: 2}
run: [{map: {pool: squares, inputs: {values: [[7, exception]%s], times: 20000}, print: []}}]
""" % (", [7, none]" * 23)


def file_of(folder, name, text):
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return str(path)


def timed(command, environment):
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    took = (time.perf_counter() - began) * 1e3
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return took


def in_turns(ways, rounds, environment):
    took = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            took[name].append(timed(command, environment))
    return took


def start_up(program, before, folder, environment, rounds):
    for title, text in (("an empty run", EMPTY), ("squares in two processes", SQUARE)):
        file = file_of(folder, title.replace(" ", "_"), text)
        ways = {"before": [before, "run", file, "--quiet"]} if before else {}
        ways["no control"] = [program, "run", file, "--quiet", "--no-control"]
        ways["control"] = [program, "run", file, "--quiet"]
        ways["control and state"] = [program, "run", file, "--quiet", "--state", str(folder / "state")]
        took = in_turns(ways, rounds, environment)
        base = statistics.median(next(iter(took.values())))
        print(f"{title}, from start to end, median of {rounds} (best)")
        for name, all_of in took.items():
            median = statistics.median(all_of)
            print(f"  {name:<18} {median:8.2f} ms ({min(all_of):.2f})  {median - base:+.2f} ms")


class Service:
    def __init__(self, program, file, environment, *more):
        self.process = subprocess.Popen([program, "run", file, "--quiet", *more], env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def socket_of(environment, pid):
    folder = pathlib.Path(environment["XDG_RUNTIME_DIR"]) / "steward"
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for path in folder.glob(f"*-{pid}.sock"):
            return str(path)
        time.sleep(0.01)
    sys.exit("the run has no socket")


def many_children(program, folder, environment, count, rounds):
    file = file_of(folder, "many", MANY % count)
    with Service(program, file, environment) as process:
        socket_of(environment, process.pid)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            names = subprocess.run([program, "ps", "-o", "name"], env=environment, capture_output=True, text=True).stdout
            if names.count("\n") >= count + 2:
                break
        else:
            sys.exit("the children do not come up")
        time.sleep(2.5)  # samples have been taken
        ways = {what: [program, what] for what in ("ps", "tree", "report")}
        for name, took in in_turns(ways, rounds, environment).items():
            print(f"  {name:<8} of {count} children: {statistics.median(took):.1f} ms (best {min(took):.1f})")
        status = pathlib.Path(f"/proc/{process.pid}/stat")

        def cpu():
            fields = status.read_text().rsplit(") ", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        before, began = cpu(), time.monotonic()
        time.sleep(5)
        print(f"  idle with samples each second: {(cpu() - before) / (time.monotonic() - began) * 100:.1f} % of a core")


class Window(threading.Thread):
    """Has the stream open, as a page has, and does as little with it as can be: what it costs is the program's."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.events = 0

    def run(self):
        room = bytearray(1 << 20)
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.path)
            stream.sendall(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            while size := stream.recv_into(room):
                self.events += room.count(b"\nid: ", 0, size)


def body_of(stream):
    """What was sent, chunk by chunk."""
    with stream.makefile("rb", buffering=262144) as answer:
        while answer.readline() not in (b"\r\n", b""):
            pass
        while size := int(answer.readline() or b"0", 16):
            yield answer.read(size)
            answer.readline()


class Reader(threading.Thread):
    """Follows the stream of events from a number, and counts what it sees."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.events = self.gaps = self.last = 0

    def run(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self.path)
            stream.sendall(b"GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            rest = b""
            for data in body_of(stream):
                lines = (rest + data).split(b"\n")
                rest = lines.pop()
                for line in lines:
                    if line.startswith(b"id: "):
                        number = int(line[4:])
                        self.gaps += self.last != 0 and number != self.last + 1
                        self.last = number
                        self.events += 1
                    elif line.startswith(b"event: gap"):
                        self.gaps += 1


def readers(program, folder, environment, count):
    file = file_of(folder, "storm", STORM)
    for clients in (0, 1, count):
        process = subprocess.Popen([program, "run", file, "--quiet"], env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        began = time.monotonic()
        path = socket_of(environment, process.pid)
        all_of = [Reader(path) for _ in range(clients)]
        for one in all_of:
            one.start()
        process.wait()
        took = time.monotonic() - began
        for one in all_of:
            one.join(10)
        seen = sum(one.events for one in all_of)
        last = max([one.last for one in all_of], default=0)
        gaps = sum(one.gaps for one in all_of)
        print(f"  {clients} readers: the run took {took:.2f} s; {seen} events were sent, {gaps} gaps, last number {last}")


def watched(program, folder, environment, rounds):
    """The same work with nobody looking, and with the stream open as the observer page opens it."""
    file = file_of(folder, "watched", WATCHED)
    took = {0: [], 1: []}
    used = {0: [], 1: []}
    events = 0
    for _ in range(rounds):
        for clients in (0, 1):
            process = subprocess.Popen([program, "run", file, "--quiet"], env=environment, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            began = time.monotonic()
            path = socket_of(environment, process.pid)
            readers_of_it = [Window(path) for _ in range(clients)]
            for one in readers_of_it:
                one.start()
            _, _, usage = os.wait4(process.pid, 0)
            took[clients].append(time.monotonic() - began)
            used[clients].append(usage.ru_utime + usage.ru_stime)
            for one in readers_of_it:
                one.join(10)
                events = one.events
    plain, watching = statistics.median(took[0]), statistics.median(took[1])
    print(f"  {events} events, {events / watching:.0f} a second; throughput with the stream open is "
          f"{plain / watching:.3f} of that without (best of each: {min(took[0]) / min(took[1]):.3f}), "
          f"processor time {statistics.median(used[1]) / statistics.median(used[0]):.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--before", default="")
    parser.add_argument("--rounds", type=int, default=40)
    given = parser.parse_args()
    program = str(pathlib.Path(given.program).resolve())
    with tempfile.TemporaryDirectory(prefix="steward_bench_") as name:
        folder = pathlib.Path(name)
        (folder / "runtime").mkdir(mode=0o700)
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(folder / "runtime"))
        start_up(program, given.before and str(pathlib.Path(given.before).resolve()), folder, environment, given.rounds)
        print("looking into a run")
        many_children(program, folder, environment, 10_000, 10)
        print("a storm of crashes on the stream")
        readers(program, folder, environment, 100)
        print("what it costs to be watched")
        watched(program, folder, environment, 7)


if __name__ == "__main__":
    main()
