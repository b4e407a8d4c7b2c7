#!/usr/bin/env python3
"""Supervision in figures: steward, raw CAF and OTP's supervisor, in turns in one run.

usage: bench/supervision_vs_otp.py [--quick] [--program PROGRAM]

PROGRAM is build/release/bin/bench_supervision by default. Each measurement is a process of its own; figures are medians
over the rounds, ratios are medians of the rounds' ratios, such that above 1 is better for steward. Raw CAF is the same
state in plain actors below one that monitors and respawns them; OTP is `supervisor` with a huge intensity in 1 s, the
logger off, and as many schedulers as the others have threads. Without escript the OTP column is left out. Ratios count:
machines are noisy.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT_S = 120
LOWER, HIGHER, PLAIN = "lower", "higher", "plain"

# Figure, count, rounds; quick count and rounds; sides.
ALL, CAF, OURS = ("ours", "raw", "otp"), ("ours", "raw"), ("ours",)
RUNS = [
    ("latency", 400, 3, 100, 1, ALL),
    ("restarts", 100_000, 3, 30_000, 1, CAF),
    ("restarts", 100_000, 1, 5_000, 1, ("otp",)),
    ("restarts_plain", 100_000, 3, 30_000, 1, ("otp",)),
    ("asked", 50_000, 3, 10_000, 1, CAF),
    ("restarts_counted", 100_000, 3, 30_000, 1, OURS),
    ("queued", 100_000, 3, 30_000, 1, OURS),
    ("children", 1_000, 3, 1_000, 1, ALL),
    ("children", 10_000, 3, 10_000, 1, CAF),
    ("children", 10_000, 1, 1_000, 0, ("otp",)),
    ("children", 100_000, 1, 10_000, 0, ALL),
    ("start_child", 1_000, 3, 1_000, 1, OURS),
    ("start_child", 10_000, 3, 1_000, 0, OURS),
    ("messages", 1_000_000, 5, 300_000, 3, CAF),
    ("kept", 1_000_000, 1, 300_000, 1, CAF),
    ("spin", 500, 3, 200, 1, ("ours", "otp")),
    ("broken", 30, 1, 15, 1, OURS),
]

# Figure, its name in the results, what the table calls it, which way is better.
ROWS = [
    ("latency", "outside_paced.p50_us", "crash to next answer, thread asks, one each 2 ms: p50 us", LOWER),
    ("latency", "outside_paced.p99_us", "  p99 us", LOWER),
    ("latency", "outside_back_to_back.p50_us", "  back to back: p50 us", LOWER),
    ("latency", "outside_back_to_back.p99_us", "  p99 us", LOWER),
    ("latency", "actor_paced.p50_us", "the same, an actor asks, one each 2 ms: p50 us", LOWER),
    ("latency", "actor_paced.p99_us", "  p99 us", LOWER),
    ("latency", "actor_back_to_back.p50_us", "  back to back: p50 us", LOWER),
    ("latency", "actor_back_to_back.p99_us", "  p99 us", LOWER),
    ("restarts", "quiet.per_s", "restarts a second, no reader of events", HIGHER),
    ("restarts", "quiet.first_10k_per_s", "  first 10,000", HIGHER),
    ("restarts", "quiet.last_10k_per_s", "  last 10,000", HIGHER),
    ("restarts", "quiet.done", "  done in at most 10 s", PLAIN),
    ("restarts_plain", "plain.per_s", "  plain spawn_monitor loop", HIGHER),
    ("asked", "asked.per_s", "requests that crash a second, each answered with its cause", HIGHER),
    ("restarts_counted", "counted.per_s", "restarts a second, events counted", HIGHER),
    ("restarts_counted", "counted.first_10k_per_s", "  first 10,000", HIGHER),
    ("restarts_counted", "counted.last_10k_per_s", "  last 10,000", HIGHER),
    ("queued", "queued.per_s", "restarts a second, 10,000 messages queued behind", HIGHER),
    ("queued", "queued.first_10k_per_s", "  first 10,000", HIGHER),
    ("queued", "queued.last_10k_per_s", "  last 10,000", HIGHER),
    ("queued", "queued.lost", "  messages lost", PLAIN),
]
for n in (1_000, 10_000, 100_000):
    ROWS += [
        ("children", f"n{n}.start_s", f"{n:,} children: start, s", LOWER),
        ("children", f"n{n}.all_up_again_s", "  all crash at once, until all are up, s", LOWER),
        ("children", f"n{n}.stop_s", "  stop, s", LOWER),
        ("children", f"n{n}.bytes_each", "  memory of each, bytes", LOWER),
        ("start_child", f"n{n}.start_child_each_us", "  start_child one after the other, us each", LOWER),
    ]
ROWS += [
    ("messages", "tell.per_s", "tells a second", HIGHER),
    ("messages", "ask.per_s", "asks a second, 100 in flight", HIGHER),
    ("messages", "ask_within.per_s", "  with a deadline of a minute", HIGHER),
    ("kept", "bytes_kept_per_ask", "  kept of each after its answer, bytes", PLAIN),
    ("spin", "which_children.p50_us", "which_children, all threads busy: p50 us", LOWER),
    ("spin", "which_children.p99_us", "  p99 us", LOWER),
    ("spin", "which_children.max_us", "  max us", LOWER),
    ("broken", "cpu_percent", "child that never starts, back-off 100 ms: CPU %", PLAIN),
    ("broken", "which_children.p99_us", "  which_children meanwhile: p99 us", PLAIN),
]


def commands(program):
    threads = max(2, os.cpu_count() or 2)
    sides = {side: ([program, side], None) for side in CAF}
    escript = shutil.which("escript")
    if escript:
        flags = dict(os.environ, ERL_FLAGS=f"+S {threads}:{threads} +P 1000000")
        sides["otp"] = ([escript, str(HERE / "supervision_otp.escript")], flags)
    else:
        print("escript is missing: no OTP column", file=sys.stderr)
    return sides


def measure(command, environment, figure, count):
    arguments = [*command, figure, str(count)]
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, timeout=LIMIT_S)
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def collect(sides, quick):
    """(figure, name) -> side -> values, one a round."""
    out = {}
    for figure, count, rounds, quick_count, quick_rounds, wanted in RUNS:
        if quick:
            count, rounds = quick_count, quick_rounds
        for turn in range(rounds):
            order = [side for side in wanted if side in sides]
            for side in order if turn % 2 == 0 else reversed(order):
                for name, value in measure(*sides[side], figure, count).items():
                    out.setdefault((figure, name), {}).setdefault(side, []).append(value)
    return out


def shown(value):
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def ratio(ours, theirs, better):
    if better == PLAIN or not ours or not theirs:
        return ""
    if len(ours) != len(theirs):
        ours, theirs = [statistics.median(ours)], [statistics.median(theirs)]
    pairs = [(a, b) if better == HIGHER else (b, a) for a, b in zip(ours, theirs)]
    return f"{statistics.median(a / b for a, b in pairs):.2f}x" if all(b for _, b in pairs) else ""


def show(results, with_otp):
    titles = ["", "steward", "raw CAF", "ratio"] + (["OTP", "ratio"] if with_otp else [])
    lines = []
    for figure, name, title, better in ROWS:
        values = results.get((figure, name))
        if not values:
            continue
        ours = values.get("ours", [])
        if figure == "restarts_plain":
            ours = results[("restarts", "quiet.per_s")]["ours"]
        line = [title, shown(statistics.median(ours)) if values.get("ours") else ""]
        for side in ("raw", "otp") if with_otp else ("raw",):
            theirs = values.get(side, [])
            line += [shown(statistics.median(theirs)) if theirs else "", ratio(ours, theirs, better)]
        if any(line[1:]):
            lines.append(line)
    widths = [max(len(line[i]) for line in [titles, *lines]) for i in range(len(titles))]
    for line in [titles, *lines]:
        print("  ".join(x.ljust(w) if i == 0 else x.rjust(w) for i, (x, w) in enumerate(zip(line, widths))).rstrip())
    plain_ask = results.get(("messages", "ask.per_s"), {}).get("raw")
    limited = results.get(("messages", "ask_within.per_s"), {}).get("ours")
    if plain_ask and limited:
        print(f"ask with a deadline against raw CAF's without one: {ratio(limited, plain_ask, HIGHER)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, under 20 s")
    parser.add_argument("--program", default=str(HERE.parent / "build/release/bin/bench_supervision"))
    options = parser.parse_args()
    before = os.getloadavg()[0]
    sides = commands(options.program)
    results = collect(sides, options.quick)
    print(f"{os.cpu_count()} cores, load {before:.1f} before and {os.getloadavg()[0]:.1f} after")
    show(results, "otp" in sides)


if __name__ == "__main__":
    main()
