#!/usr/bin/env python3
"""The same work and the same `kill -9` for Python's pools and for a pool of this project.

usage: kill_vs_python.py [PATH_TO_bench_kill]

40 tasks of 25 ms on 4 workers. Once one worker is killed while it runs a task; once each worker is killed while the
pool is idle. A pool that has not answered after 5 s is taken to hang. Needs nothing but Python 3; takes less than 30 s.
Exits with 1 unless this project's pool has all results.
"""
import concurrent.futures
import multiprocessing
import os
import signal
import subprocess
import sys
import time

TASKS, WORKERS, MS, LIMIT_S = 40, 4, 25, 5


def square(n):
    time.sleep(MS / 1000)
    return n * n


def right(results):
    return sum(1 for n, value in results.items() if value == n * n)


def kill(pids, busy):
    for pid in pids[:1] if busy else pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # the pool has ended it itself
        # Time for the pool to see it, as there is between two accidents.
        time.sleep(0.2)


def multiprocessing_pool(busy):
    pool = multiprocessing.Pool(WORKERS)
    pids = [p.pid for p in pool._pool]
    time.sleep(0.3)  # until each worker waits for its first task
    if not busy:
        kill(pids, busy)
    waiting = [pool.apply_async(square, (n,)) for n in range(TASKS)]
    if busy:
        time.sleep(MS / 2000)
        kill(pids, busy)
    end = time.monotonic() + LIMIT_S
    results = {}
    for n, one in enumerate(waiting):
        try:
            results[n] = one.get(max(0, end - time.monotonic()))
        except multiprocessing.TimeoutError:
            pass
    return right(results), "hangs" if len(results) < TASKS else "done"


def process_pool_executor(busy):
    pool = concurrent.futures.ProcessPoolExecutor(WORKERS)
    list(pool.map(square, range(WORKERS)))  # its workers start with the first tasks
    pids = list(pool._processes)
    if not busy:
        kill(pids, busy)
    try:
        waiting = [pool.submit(square, n) for n in range(TASKS)]
    except concurrent.futures.process.BrokenProcessPool:
        return 0, "BrokenProcessPool, from then on"
    if busy:
        time.sleep(MS / 2000)
        kill(pids, busy)
    results, failed = {}, 0
    for n, one in enumerate(waiting):
        try:
            results[n] = one.result(LIMIT_S)
        except concurrent.futures.process.BrokenProcessPool:
            failed += 1
    return right(results), "BrokenProcessPool, from then on" if failed else "done"


POOLS = {"multiprocessing.Pool": multiprocessing_pool, "ProcessPoolExecutor": process_pool_executor}


def play(name, busy):
    """Plays one scene in a process group of its own, which is ended with what hangs in it."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, __file__, "--play", name, "busy" if busy else "idle"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True, text=True)
    try:
        out, _ = process.communicate(timeout=LIMIT_S + 2)
    except subprocess.TimeoutExpired:
        out = ""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    count, _, text = out.strip().partition(" ")
    return int(count or 0), text or "hangs", time.monotonic() - begun


def play_ours(program, busy):
    begun = time.monotonic()
    try:
        out = subprocess.run([program, "busy" if busy else "idle", str(TASKS), str(WORKERS), str(MS)],
                             capture_output=True, text=True, timeout=LIMIT_S).stdout
    except subprocess.TimeoutExpired:
        return 0, "hangs", time.monotonic() - begun
    return int(out or 0), "done", time.monotonic() - begun


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--play":
        count, text = POOLS[sys.argv[2]](sys.argv[3] == "busy")
        print(count, text, flush=True)
        os._exit(0)  # what hangs is not waited for
    program = sys.argv[1] if len(sys.argv) > 1 else "build/release/bin/bench_kill"
    if not os.path.exists(program):
        sys.exit(f"{program} is not there: build with -DSTEWARD_BENCH=ON, or name it")
    complete = True
    print(f"{TASKS} tasks of {MS} ms, {WORKERS} workers")
    print(f"{'kill -9 of':<20}{'pool':<24}{'results':>8}  {'ends':>7}")
    for busy in (True, False):
        scene = "a busy worker" if busy else "each idle worker"
        for name in [*POOLS, "steward"]:
            count, text, took = play_ours(program, busy) if name == "steward" else play(name, busy)
            print(f"{scene:<20}{name:<24}{count:>5}/{TASKS}  {took:>5.1f} s  {text}", flush=True)
            if name == "steward":
                complete = complete and count == TASKS
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
