#!/usr/bin/env python3
"""How much of a run a `kill -9` in mid-storm takes from its state directory.

usage: store_kill.py [PROGRAM] [--rounds N] [--rate N]

Each round a pool of threads fails tasks, each an event: as fast as it can, or about N a second with `--rate`;
after a second the program is killed. The events file, which is written at once, says what there was, and the store
what is left. Prints the time between the last event of both, and the events between them. Exits with 1 when a number
is missing before that.
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time

STORM = """scenario: storm
tree:
  children:
    - id: squares
      pool: {task: square_unless, runs_in: threads, workers: 2, attempts: 1}
run:
"""
FLOOD = "  - map: {pool: squares, inputs: {value: [7, exception], times: 1000000}, print: []}\n"
PACED = "  - {every: 10ms, map: {pool: squares, inputs: {value: [7, exception], times: %d}, print: []}}\n"


def moment(event):
    whole, _, rest = event["ts"].rstrip("Z").partition(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + (rest or "0"))


def one_round(program, text):
    with tempfile.TemporaryDirectory(prefix="steward_kill_") as folder:
        scenario, events, state = (os.path.join(folder, x) for x in ("storm.yaml", "events.jsonl", "state"))
        with open(scenario, "w", encoding="utf-8") as file:
            file.write(text)
        command = [program, "run", scenario, "--stay", "--quiet", "--no-control", "--events", events, "--state", state]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and not (os.path.exists(events) and os.path.getsize(events) > 100_000):
                time.sleep(0.005)
            time.sleep(1)
            run.send_signal(signal.SIGKILL)
        log = subprocess.run([program, "log", state, "--json"], capture_output=True, text=True, check=True)
        kept = [json.loads(line) for line in log.stdout.splitlines()]
        with open(events, encoding="utf-8") as file:
            told = [json.loads(line) for line in file if line.endswith("\n")]
        gaps = sum(1 for a, b in zip(kept, kept[1:]) if b["seq"] != a["seq"] + 1)
        rate = len(told) / (moment(told[-1]) - moment(told[0]))
        return moment(told[-1]) - moment(kept[-1]), told[-1]["seq"] - kept[-1]["seq"], gaps, rate


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default="build/release/bin/steward")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=0, metavar="N")
    given = parser.parse_args()
    text = STORM + (PACED % max(given.rate // 100, 1) if given.rate else FLOOD)
    rounds = [one_round(given.program, text) for _ in range(given.rounds)]
    lost_ms = sorted(1000 * x[0] for x in rounds)
    print(f"{given.rounds} rounds, {statistics.median(x[3] for x in rounds):,.0f} events/s; lost at the end: "
          f"p50 {statistics.median(lost_ms):.1f} ms, max {lost_ms[-1]:.1f} ms, "
          f"most {max(x[1] for x in rounds):,} events; gaps before: {sum(x[2] for x in rounds)}")
    return 1 if any(x[2] for x in rounds) else 0


if __name__ == "__main__":
    raise SystemExit(main())
