#!/usr/bin/env python3
"""An actor in a process beside Python's Manager and Cap'n Proto, in one run.

usage: bench/process_actor.py [PROGRAM]

PROGRAM is build/release/bin/bench_process_actor by default. The Manager's side is a counter object in its server
process, asked by one client that waits for each answer; Cap'n Proto's is bench_process_actor_capnp, which is built
where libcapnp-dev is installed. Ratios count: machines are noisy.
"""
import multiprocessing.managers
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(__file__).resolve().parent.parent / "build/release/bin/bench_process_actor"
ROUNDS, ASKS = 5, 2_000


class Counter:
    def __init__(self):
        self.sum = 0

    def add(self, n):
        self.sum += n
        return self.sum


class Manager(multiprocessing.managers.BaseManager):
    pass


Manager.register("Counter", Counter)


def manager_us():
    with Manager() as manager:
        counter = manager.Counter()
        start = time.perf_counter()
        for _ in range(ASKS):
            counter.add(1)
        return (time.perf_counter() - start) / ASKS * 1e6


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(PROGRAM)
    ours, theirs, capnp, figures = [], [], [], {}
    by_capnp = Path(program).with_name("bench_process_actor_capnp")
    for _ in range(ROUNDS):
        told = subprocess.run([program, "1"], check=True, capture_output=True, text=True, timeout=300).stdout
        figures = dict(line.split() for line in told.splitlines())
        ours.append(float(figures["round_trip.process_us"]))
        theirs.append(manager_us())
        line = f"round trip: process {ours[-1]:.1f} us, Manager {theirs[-1]:.1f} us"
        if by_capnp.exists():
            told = subprocess.run([str(by_capnp), "1"], check=True, capture_output=True, text=True, timeout=60).stdout
            capnp.append(float(told.split()[1]))
            line += f", Cap'n Proto {capnp[-1]:.1f} us"
        print(line, flush=True)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if capnp:
        ratio = statistics.median(b / a for a, b in zip(ours, capnp))
        print(f"Cap'n Proto's round trip takes {ratio:.2f} times as long (median of {ROUNDS} rounds)")
    ratio = statistics.median(b / a for a, b in zip(ours, theirs))
    print(f"Manager's round trip takes {ratio:.2f} times as long (median of {ROUNDS} rounds)")


if __name__ == "__main__":
    main()
