#!/usr/bin/env python3
"""Walks the limits of the system from too little to enough, and runs scenarios at each.

Whatever is missing (threads and processes, descriptors, address space), a run ends by itself with exit 0 or with a
documented code and a reason, and SIGTERM ends it at any time. Prints a line for each limit that breaks this, and a
summary; exits with 1 when there was one.

    limits_walk.py PROGRAM SCENARIOS_DIR [--whole] [--kind processes|descriptors|memory] [--scenario NAME]...

Without --whole it takes a sample that fits into a test run. The limit on processes needs root, for root has none.
"""
import argparse
import collections
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time

MIB = 1024 * 1024
DOCUMENTED = {0, 1, 4, 5, 70}
WITHIN_S = int(os.environ.get("WITHIN_S", "60"))
AFTER_SIGTERM_S = 15
USER = 20000 + os.getpid() % 30000

WHOLE = {
    "processes": list(range(1, 41)),
    "descriptors": list(range(3, 65)),
    "memory": list(range(16, 300, 4)) + list(range(300, 1300, 25)),
}
SAMPLE = {
    "processes": [1, 3, 4, 5, 6, 8, 12, 14, 20, 26],
    "descriptors": [4, 8, 10, 13, 14, 15, 20, 40],
    "memory": [40, 80, 100, 140, 180, 250, 400],
}


def limit_for(kind, value):
    def apply():
        if kind == "processes":
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
            resource.setrlimit(resource.RLIMIT_NPROC, (value, value))
        elif kind == "descriptors":
            resource.setrlimit(resource.RLIMIT_NOFILE, (value, value))
        else:
            resource.setrlimit(resource.RLIMIT_AS, (value * MIB, value * MIB))
    return apply


def wait_for_nobody():
    """Until nothing of the user that has the limit on processes is left, for that would count."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(p.is_dir() and p.stat().st_uid == USER for p in numbered("/proc")):
            return
        time.sleep(0.01)


def numbered(where):
    for entry in pathlib.Path(where).iterdir():
        try:
            if entry.name.isdigit() and entry.stat():
                yield entry
        except OSError:
            continue


def run(command, kind, value):
    """How the run ended: the fault, or None, and its exit code."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        one = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                               preexec_fn=limit_for(kind, value), start_new_session=True, cwd="/")
        hung = False
        try:
            one.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            hung = True
            one.send_signal(signal.SIGTERM)
            try:
                one.wait(AFTER_SIGTERM_S)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
                return "HANG that survives SIGTERM", one.returncode, said(err)
        text = said(err)
        if hung:
            return "HANG", one.returncode, text
        code = one.returncode
        if code == 127 and "error while loading shared libraries" in text:
            return None, code, text  # it is not even loaded
        if code not in DOCUMENTED:
            return "undocumented exit %d" % code, code, text
        # Tasks that failed are told with the results.
        if code != 0 and not text and not (code == 1 and "FAILED" in said(out)):
            return "exit %d without a word" % code, code, text
        return None, code, text


def said(file):
    file.seek(0)
    return file.read().decode(errors="replace").strip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("scenarios")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--kind", action="append", choices=list(WHOLE))
    parser.add_argument("--scenario", action="append")
    parser.add_argument("--at", type=int, action="append", help="only these limits")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    shipped = sorted(p.stem for p in pathlib.Path(options.scenarios).glob("*.yaml"))
    names = options.scenario or (shipped if options.whole else ["factorial", "shared_state", "square"])
    faults = 0
    for kind in options.kind or list(WHOLE):
        if kind == "processes" and os.geteuid() != 0:
            print("processes: left out, it needs root")
            continue
        codes = collections.Counter()
        for value in options.at or (WHOLE if options.whole else SAMPLE)[kind]:
            for name in names:
                if kind == "processes":
                    wait_for_nobody()
                file = str(pathlib.Path(options.scenarios).resolve() / (name + ".yaml"))
                start = time.monotonic()
                fault, code, text = run([os.path.abspath(options.program), "run", file], kind, value)
                codes[code] += 1
                if fault or options.v:
                    print("%s %d, %s: %s (%d, %.1f s): %s" % (kind, value, name, fault or "ok", code,
                                                        time.monotonic() - start, text[:300] or "silence"), flush=True)
                faults += fault is not None
        print("%s: %d runs, exits %s" % (kind, sum(codes.values()), dict(sorted(codes.items()))), flush=True)
    print("%d broke the rule" % faults)
    return 1 if faults else 0


sys.exit(main())
