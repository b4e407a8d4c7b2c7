#!/usr/bin/env python3
"""The seed's program, ours beside Python's, in turns in one run: start a pool of 2, 4 and 8 processes, square 1..10, stop.

usage: bench/square_vs_python.py [PROGRAM] [ROUNDS]

PROGRAM is build/release/bin/steward by default. Ours is what `steward run square` prints as "Time Taken"; Python's is the
same work on multiprocessing.Pool, timed around the same three steps in this process. Ratios count: machines are noisy.
"""
import multiprocessing
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIZES = (2, 4, 8)


def square(n):
    return n * n


def python_ms(size):
    begun = time.perf_counter()
    with multiprocessing.Pool(size) as pool:
        results = pool.map(square, range(1, 11))
    took = (time.perf_counter() - begun) * 1e3
    assert results == [n * n for n in range(1, 11)]
    return took


def ours_ms(program):
    out = subprocess.run([program, "run", "square"], check=True, capture_output=True, text=True).stdout
    assert out.count("Results: [1, 4, 9, 16, 25, 36, 49, 64, 81, 100]") == len(SIZES), out
    times = [float(x) * 1e3 for x in re.findall(r"Time Taken: ([0-9.]+) seconds", out)]
    assert len(times) == len(SIZES), out
    return times


def main():
    root = Path(__file__).resolve().parent.parent
    program = sys.argv[1] if len(sys.argv) > 1 else str(root / "build/release/bin/steward")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    ours = {size: [] for size in SIZES}
    python = {size: [] for size in SIZES}
    for _ in range(rounds):
        for size, took in zip(SIZES, ours_ms(program)):
            ours[size].append(took)
        for size in SIZES:
            python[size].append(python_ms(size))
    print(f"start, square 1..10, stop; median of {rounds} rounds in turns (Python {sys.version.split()[0]})")
    print("processes   steward ms   multiprocessing.Pool ms   ratio")
    for size in SIZES:
        mine, theirs = statistics.median(ours[size]), statistics.median(python[size])
        print(f"{size:9}   {mine:10.2f}   {theirs:23.2f}   {theirs / mine:5.1f}x")


if __name__ == "__main__":
    main()
