#!/usr/bin/env python3
"""What idle commands cost the thread that drives all of them, while another one writes a line after the other.

    idle_commands.py STEWARD [--idle N]... [--lines N] [--seconds N]

For each N a run with N times `sleep` and a program that writes so many lines a second, each in a write of its own.
Prints the processor time of the driver's thread, and of the whole run, for each second and each line. With 0 lines
nobody writes: that is what they cost when nothing happens.
"""
import argparse
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time

SCENARIO = """scenario: idle_commands
tree:
  children:
    - id: idle
      supervisor:
        strategy: simple_one_for_one
        initial: %(idle)d
        children:
          - {id: one, command: [sleep, "3600"]}
    - id: writer
      command: [python3, writer.py, "%(lines)d"]
      ready: {line: "^up$"}
      start_within: 60s
      logs: {lines_a_second: %(told)d}
"""
IS_UP = '"kind":"child","actor":"/root","incarnation":1,"child":{"state":"up"}'
WRITER = """import os, sys, time
lines = int(sys.argv[1])
os.write(1, b"up\\n")
due = time.monotonic()
while True:
    due += 1 / lines if lines else 3600
    time.sleep(max(0, due - time.monotonic()))
    os.write(1, b"a line\\n")
"""


def threads(pid):
    """tid: ns on a processor."""
    found = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as file:
            found[int(tid)] = int(file.read().split()[0])
    return found


def measure(program, idle, lines, told, seconds):
    with tempfile.TemporaryDirectory() as folder:
        path, events = pathlib.Path(folder, "s.yaml"), pathlib.Path(folder, "events.jsonl")
        pathlib.Path(folder, "writer.py").write_text(WRITER)
        path.write_text(SCENARIO % {"idle": idle, "lines": lines, "told": told})
        begun = time.monotonic()
        run = subprocess.Popen([os.path.abspath(program), "run", str(path), "--quiet", "--no-control", "--events", str(events)],
                               cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (events.exists() and IS_UP in events.read_text()):
                if run.poll() is not None or time.monotonic() > begun + 300:
                    raise SystemExit(f"the run is not up; code {run.poll()}")
                time.sleep(0.1)
            started = time.monotonic() - begun
            time.sleep(2)  # until all are at rest
            before, since = threads(run.pid), time.monotonic()
            time.sleep(seconds)
            after, took = threads(run.pid), time.monotonic() - since
            spent = {tid: (after[tid] - before.get(tid, 0)) / took for tid in after}
        finally:
            run.send_signal(signal.SIGTERM)
            run.wait(120)
        return started, max(spent.values()) / 1e6, sum(spent.values()) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--idle", type=int, action="append")
    parser.add_argument("--lines", type=int, default=500)
    parser.add_argument("--told", type=int, default=0, help="of the lines, so many a second become events")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("idle  start, s  driver, ms/s  whole run, ms/s  driver, us/line")
    for idle in options.idle or [0, 100, 1000]:
        rounds = [measure(options.program, idle, options.lines, options.told, options.seconds)
                  for _ in range(options.rounds)]
        start, driver, whole = (statistics.median(x) for x in zip(*rounds))
        a_line = f"{driver * 1000 / options.lines:15.1f}" if options.lines else ""
        print(f"{idle:4d}  {start:8.1f}  {driver:12.1f}  {whole:15.1f}  {a_line}", flush=True)


main()
