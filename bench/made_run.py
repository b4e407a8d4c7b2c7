#!/usr/bin/env python3
"""Writes the events file of a large run that never was: supervisors of 99 actors each, which print and crash at random.

  made_run.py CHILDREN EVENTS > FILE

For `steward observe FILE` and observer/scrub.mjs. The same arguments give the same file.
"""
import datetime
import json
import random
import sys

PER_GROUP = 99


def main():
    children, events = int(sys.argv[1]), int(sys.argv[2])
    dice = random.Random(1)
    at = datetime.datetime(2026, 11, 30, 1, 0, 0)
    seq = crashes = 0

    def tell(kind, actor, level="info", **more):
        nonlocal seq, at
        seq += 1
        at += datetime.timedelta(microseconds=dice.randint(100, 40_000))
        line = {"v": 1, "seq": seq, "ts": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "run": "r-000001", "level": level,
                "kind": kind, "actor": actor, **more}
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")

    def supervisor(path, strategy):
        tell("child", path, "debug", incarnation=1, child={"state": "up", "kind": "supervisor", "strategy": strategy,
                                                           "limit": 1000, "period_ms": 5000})

    tell("run_start", "", scenario={"name": "made", "file": "made.yaml", "seed": 1})
    supervisor("/root", "one_for_one")
    incarnations = {}
    for group in range((children + PER_GROUP) // (PER_GROUP + 1)):
        supervisor(f"/root/g{group}", "one_for_all")
        for i in range(PER_GROUP):
            path = f"/root/g{group}/a{i}"
            incarnations[path] = 1
            tell("child", path, "debug", child={"state": "idle", "kind": "actor", "type": "counter"})
            tell("start", path, incarnation=1, runs_in="thread")
            tell("ready", path, incarnation=1, runs_in="thread")
    paths = list(incarnations)
    while seq < events:
        path = dice.choice(paths)
        if dice.random() < 0.5:
            tell("output", path, incarnation=incarnations[path], text="a line of work")
            continue
        crashes += 1
        tell("crash", path, "error", incarnation=incarnations[path], id=f"c-{crashes:04d}",
             fingerprint=f"f-{crashes % 37:08x}", runs_in="thread",
             cause={"class": "exception", "exception": "std::runtime_error", "message": "no luck"},
             decision={"action": "restart", "strategy": "one_for_one", "restarts": 1, "limit": 1000, "period_ms": 5000,
                       "delay_ms": 0, "also": []})
        incarnations[path] += 1
        tell("restart", path, incarnation=incarnations[path], runs_in="thread")
        tell("recover", path, incarnation=incarnations[path], runs_in="thread", recovery_ms=1.5)


if __name__ == "__main__":
    main()
