#!/usr/bin/env python3
"""Pools beside their peers, in turns in one run: medians of several rounds, and ratios. Ratios count: machines are noisy.

usage: bench/pools.py [--bin DIR]... [--rounds N] [--quick] [--json] [MEASURE...]

MEASURE is some of: single, auto, program, threads, kill, idle, payload; all of them by default. DIR, build/release/bin by
default, is searched for bench_pools, bench_pools_tbb and bench_pools_raw_caf; a peer that is not there is told as such.
All pools have two workers, but for `program`.
"""
import argparse
import concurrent.futures
import importlib
import json
import multiprocessing
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

# Of each figure: what it is, its unit, whether more is better, and its aim: a least (or most) value, and a ratio to Pool.
FIGURES = {
    "single": ("tasks sent one by one, pipelined", "tasks/s", True, 250e3, 4),
    "auto_1e6": ("map of 1e6 squares, chunks by default", "squares/s", True, 35e6, 4),
    "auto_1e7": ("map of 1e7 squares, chunks by default", "squares/s", True, 35e6, 4),
    "program_2": ("start 2 workers, squares 1..10, stop", "ms", False, None, 5),
    "program_2_start": ("  of these, the start", "ms", False, None, None),
    "program_2_stop": ("  of these, the stop", "ms", False, None, None),
    "program_4": ("start 4 workers, squares 1..10, stop", "ms", False, None, 5),
    "program_4_start": ("  of these, the start", "ms", False, None, None),
    "program_4_stop": ("  of these, the stop", "ms", False, None, None),
    "program_8": ("start 8 workers, squares 1..10, stop", "ms", False, None, 5),
    "program_8_start": ("  of these, the start", "ms", False, None, None),
    "program_8_stop": ("  of these, the stop", "ms", False, None, None),
    "thread_single": ("threads: callables one by one", "tasks/s", True, 2e6, None),
    "thread_task_single": ("threads: registered tasks one by one", "tasks/s", True, 2e6, None),
    "thread_submit": ("threads: callables submitted, with a future each", "tasks/s", True, None, None),
    "thread_auto_1e6": ("threads: map of a callable over 1e6", "squares/s", True, 300e6, None),
    "thread_auto_1e7": ("threads: map of a callable over 1e7", "squares/s", True, 300e6, None),
    "kill_p50": ("kill -9 of the busy worker to its task's result, p50", "ms", False, 5, None),
    "kill_p99": ("the same, p99", "ms", False, 5, None),
    "idle": ("processor time of an idle pool in 3 s", "ms", False, 1, None),
    "payload_64k": ("64 KiB there and back", "MB/s each way", True, None, None),
    "payload_1m": ("1 MiB there and back", "MB/s each way", True, None, None),
}
MEASURES = ("single", "auto", "program", "threads", "kill", "idle", "payload")
PROGRAMS = {  # program: what it can measure
    "bench_pools": MEASURES,
    "bench_pools_tbb": ("threads",),
    "bench_pools_raw_caf": ("threads",),
}
PYTHON_MEASURES = ("single", "auto", "program", "kill", "idle", "payload")
OURS = "steward"
POOL = "multiprocessing.Pool"


def square(n):
    return n * n


def echo(data):
    return data


def stay(n):
    time.sleep(60)


def figure(measure, peer, value):
    print(json.dumps({"measure": measure, "peer": peer, "value": value}), flush=True)


def seconds(f):
    begun = time.perf_counter()
    f()
    return time.perf_counter() - begun


def cpu_ms(pids):
    """Processor time so far of all threads of these processes but the calling one."""
    total = 0.0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            if int(task) == threading.get_native_id():
                continue
            total += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]) / 1e6
    return total


class pool_peer:
    name = POOL

    def __init__(self, size=2):
        self.pool = multiprocessing.Pool(size)

    def map(self, f, inputs, chunk):
        return self.pool.map(f, inputs, chunksize=chunk)

    def imap(self, f, inputs):
        return list(self.pool.imap(f, inputs, chunksize=1))

    def pids(self):
        return [p.pid for p in multiprocessing.active_children()]

    def stop(self):
        # What leaving `with Pool(...)` does.
        self.pool.terminate()

    def kills(self, count):
        """A task whose worker was killed never gets a result: Pool starts a new worker and forgets the task."""


class executor_peer:
    def __init__(self, size=2):
        self.size = size
        self.pool = self.make(size)

    def map(self, f, inputs, chunk):
        # Its own default is 1; what Pool.map would take is better for it.
        chunk = chunk or -(-len(inputs) // (4 * self.size))
        return list(self.pool.map(f, inputs, chunksize=chunk))

    def pids(self):
        return list(self.pool._processes)

    def stop(self):
        self.pool.shutdown(wait=True)

    def kills(self, count):
        """All tasks fail when one worker dies; what a careful user does then is a new executor and a new submit."""
        took = []
        for _ in range(count):
            running = self.pool.submit(stay, 1)
            while not running.running():
                time.sleep(0.001)
            time.sleep(0.02)
            begun = time.perf_counter()
            for pid in self.pids():
                os.kill(pid, signal.SIGKILL)
                break
            try:
                running.result()
            except Exception:  # BrokenProcessPool, of either library
                self.pool.shutdown(wait=False)
                self.pool = self.make(self.size)
            assert self.pool.submit(square, 3).result() == 9
            took.append((time.perf_counter() - begun) * 1e3)
        return took


class futures_peer(executor_peer):
    name = "ProcessPoolExecutor"

    @staticmethod
    def make(size):
        return concurrent.futures.ProcessPoolExecutor(size)


class loky_peer(executor_peer):
    name = "loky"

    @staticmethod
    def make(size):
        return find_loky().ProcessPoolExecutor(size)


def find_loky():
    for name in ("loky", "joblib.externals.loky"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


PYTHON_PEERS = {p.name: p for p in (pool_peer, futures_peer, loky_peer)}


def python_round(peer, measure, quick):
    """One round of one measure, in this process."""
    few = 10 if quick else 1
    if measure == "program":
        for size in (2, 4, 8):

            def body():
                pool = peer(size)
                assert pool.map(square, range(1, 11), None)[-1] == 100
                pool.stop()

            took = [seconds(body) for _ in range(3 if peer is loky_peer else 5 if quick else 11)]
            figure(f"program_{size}", peer.name, statistics.median(took) * 1e3)
        return
    pool = peer()
    pool.map(square, range(1000), 1)
    if measure == "single":
        inputs = range(50_000 // few)
        rates = [len(inputs) / seconds(lambda: pool.map(square, inputs, 1))]
        if peer is pool_peer:
            rates.append(len(inputs) / seconds(lambda: pool.imap(square, inputs)))
        figure("single", peer.name, max(rates))
    elif measure == "auto":
        for name, count in (("auto_1e6", 1_000_000), ("auto_1e7", 10_000_000)):
            inputs = range(count // few)
            figure(name, peer.name, len(inputs) / seconds(lambda: pool.map(square, inputs, None)))
    elif measure == "kill":
        took = sorted(pool.kills(5 if quick else 20) or [])
        if took:
            figure("kill_p50", peer.name, took[len(took) // 2])
            figure("kill_p99", peer.name, took[-1])
    elif measure == "idle":
        pids = [os.getpid(), *pool.pids()]
        time.sleep(0.1)
        before = cpu_ms(pids)
        time.sleep(3)
        figure("idle", peer.name, cpu_ms(pids) - before)
    elif measure == "payload":
        for name, size, count in (("payload_64k", 65536, 2000), ("payload_1m", 1 << 20, 200)):
            inputs = [b"\7" * size] * (count // few)
            figure(name, peer.name, size * len(inputs) / seconds(lambda: pool.map(echo, inputs, 1)) / 1e6)
    pool.stop()


def lines_of(command):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, timeout=600)
    if done.returncode != 0:
        raise SystemExit(f"pools.py: {' '.join(str(part) for part in command)}: exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def shown(value):
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def table(results):
    out = []
    for measure, (what, unit, more, aim, ratio_aim) in FIGURES.items():
        peers = results.get(measure)
        if not peers:
            continue
        mine = peers.get(OURS)
        out.append(f"{measure}: {what}, {unit}")
        for peer, one in peers.items():
            line = f"  {peer:28} {shown(one['median']):>8}   ({shown(one['least'])} to {shown(one['most'])})"
            if peer != OURS and mine and one["median"] > 0 and mine["median"] > 0:
                ratio = mine["median"] / one["median"] if more else one["median"] / mine["median"]
                one["steward_is_better_by"] = ratio
                line += f"   steward: {ratio:.3g} times as good"
                if peer == POOL and ratio_aim:
                    line += f" (aim {ratio_aim}: {'reached' if ratio >= ratio_aim else 'missed'})"
            elif peer == OURS and aim is not None:
                good = one["median"] >= aim if more else one["median"] <= aim
                line += f"   aim {shown(aim)}: {'reached' if good else 'missed'}"
            out.append(line)
    return "\n".join(out)


def main():
    if len(sys.argv) > 3 and sys.argv[1] == "--peer":  # how it calls itself
        return python_round(PYTHON_PEERS[sys.argv[2]], sys.argv[3], "--quick" in sys.argv)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", action="append", type=Path, help="where the programs are; may be given again")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, and three rounds")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("measures", nargs="*", metavar="MEASURE")
    args = parser.parse_args()
    for one in args.measures:
        if one not in MEASURES:
            parser.error(f"no measure is named '{one}'; there are: {', '.join(MEASURES)}")
    bins = args.bin or [Path(__file__).resolve().parent.parent / "build/release/bin"]
    quick = ["--quick"] if args.quick else []
    missing = []
    programs = {}
    for program in PROGRAMS:
        found = next((d / program for d in bins if (d / program).exists()), None)
        if found:
            programs[program] = found
        else:
            missing.append(f"{program}: not built")
    if "bench_pools" not in programs:
        raise SystemExit("pools.py: there is no bench_pools: cmake --preset bench && cmake --build --preset bench")
    peers = [p for p in PYTHON_PEERS if p != "loky" or find_loky()]
    if "loky" not in peers:
        missing.append("loky: not installed")

    rounds = args.rounds or (3 if args.quick else 5)
    values = {}
    for _ in range(rounds):
        for measure in args.measures or MEASURES:
            commands = []
            for program, path in programs.items():
                if measure not in PROGRAMS[program]:
                    continue
                also = ["socketpair"] if measure == "single" else []
                commands.append([path, *quick, *([*also, measure] if program == "bench_pools" else [])])
            if measure in PYTHON_MEASURES:
                commands += [[sys.executable, __file__, "--peer", p, measure, *quick] for p in peers]
            for command in commands:
                for line in lines_of(command):
                    values.setdefault(line["measure"], {}).setdefault(line["peer"], []).append(line["value"])
    results = {
        measure: {
            peer: {"median": statistics.median(each), "least": min(each), "most": max(each)} for peer, each in by_peer.items()
        }
        for measure, by_peer in values.items()
    }
    text = table(results)
    if args.json:
        print(json.dumps({"rounds": rounds, "python": sys.version.split()[0], "missing": missing, "figures": results}, indent=1))
        return
    print(f"pools: median of {rounds} rounds in turns (least to most); Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print(text)
    for one in missing:
        print(one)


if __name__ == "__main__":
    main()
