"""A run of the program in a folder of its own, its events as they come, and what is left of it afterwards.

Everything is waited for by its event, with a deadline. What a test starts works in the folder of its run, so that it is
found there even when it has lost its parent, its session and its group.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

LIMIT_S = 60  # far above what anything here takes
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


class Fault(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Fault(what)


def wait_until(holds, what, within=LIMIT_S):
    """What `holds` returned, as soon as that is true."""
    end = time.monotonic() + within
    while True:
        got = holds()
        if got:
            return got
        if time.monotonic() > end:
            raise Fault(f"not within {within} s: {what() if callable(what) else what}")
        time.sleep(0.02)


_held = []  # a name for each port that was given, which the other tests of this machine see


def free_ports(count):
    """Below those that the kernel gives to clients, so that no connection takes them meanwhile, nor another test."""
    found = []
    for port in random.SystemRandom().sample(range(11000, 32000), 400):
        name = socket.socket(socket.AF_UNIX)
        try:
            name.bind(f"\0steward-tests-port-{port}")
            with socket.socket() as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("127.0.0.1", port))
        except OSError:
            name.close()
            continue
        _held.append(name)
        found.append(port)
        if len(found) == count:
            return found
    raise Fault("no free ports")


def need(*programs):
    """A program that is not there is a fault of the machine, which no test may pass over."""
    for name in programs:
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
        expect(shutil.which(name, path=path), f"there is no {name}: install what `scripts/setup tests` does")


def get(port, path="/", within=10):
    """Status and body of an answer over HTTP."""
    one = http.client.HTTPConnection("127.0.0.1", port, timeout=within)
    try:
        one.request("GET", path)
        answer = one.getresponse()
        return answer.status, answer.read().decode()
    finally:
        one.close()


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def processes():
    """pid: (parent, when it was started) of all that live. Of an orphan that is dead init has only to take note."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] not in (b"Z", b"X"):
            found[int(name)] = (int(fields[1]), int(fields[19]))
    return found


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


class LiveRun:
    def __init__(self, program, scenario, replace=(), files=None, options=(), environment=None):
        for old, new in replace:
            expect(old in scenario, f"nothing to replace: {old}")
            scenario = scenario.replace(old, new)
        self.program = os.path.abspath(program)
        self._holder = tempfile.TemporaryDirectory(prefix="steward-commands-")
        self.folder = pathlib.Path(self._holder.name).resolve()
        self.work = self.folder / "work"
        for name in ("work", "tmp", "sockets"):
            (self.folder / name).mkdir(mode=0o755 if name == "work" else 0o700)
        shutil.copytree(PROGRAMS, self.work / "programs", ignore=shutil.ignore_patterns("__pycache__"))
        self.folder.chmod(0o755)
        for name, text in (files or {}).items():
            (self.work / name).write_text(text)
        self.scenario = self.folder / "scenario.yaml"
        self.scenario.write_text(scenario.replace("@WORK@", str(self.work)))
        self.env = dict(os.environ, TMPDIR=str(self.folder / "tmp"), XDG_RUNTIME_DIR=str(self.folder / "sockets"),
                        **(environment or {}))
        self.err = open(self.folder / "stderr", "w+b")
        self._events, self._rest, self._at = [], b"", 0
        self.seen, self.stopping_since = {}, None
        self.process = subprocess.Popen(
            [self.program, "run", str(self.scenario), "--events", str(self.folder / "events.jsonl"), "--quiet",
             *options],
            cwd=self.work, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.err)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            print(f"-- the last events of {self.scenario.name}:", file=sys.stderr)
            for one in self.events()[-12:]:
                print("  ", json.dumps({k: v for k, v in one.items() if k not in ("v", "run", "ts")}), file=sys.stderr)
            print(f"-- it says: {self.said()[-1500:]}", file=sys.stderr)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.left():
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.err.close()
        self._holder.cleanup()

    def said(self):
        self.err.flush()
        return (self.folder / "stderr").read_text(errors="replace")

    def events(self, kind=None, actor=None):
        try:
            with open(self.folder / "events.jsonl", "rb") as file:
                file.seek(self._at)
                got = file.read()
        except FileNotFoundError:
            got = b""
        self._at += len(got)
        *whole, self._rest = (self._rest + got).split(b"\n")
        self._events.extend(json.loads(line) for line in whole if line)
        return [e for e in self._events if kind in (None, e["kind"]) and actor in (None, e["actor"])]

    def wait(self, kind, actor, count=1, within=LIMIT_S, **more):
        """The count-th event of that kind."""
        def found():
            fit = [e for e in self.events(kind, actor) if all(e.get(k) == v for k, v in more.items())]
            return fit[count - 1] if len(fit) >= count else None
        def what():
            return f"{kind} {count} of {actor} {more or ''}"
        def found_or_over():
            is_over = self.process.poll() is not None  # before the look: all is written by then
            got = found()
            expect(got or not is_over, f"the run is over, code {self.process.returncode}, without: {what()}")
            return got
        return wait_until(found_or_over, what, within)

    def wait_up(self):
        def up():
            expect(self.process.poll() is None, f"the run has ended with {self.process.returncode}")
            return [e for e in self.events("child", "/root") if e["child"].get("state") == "up"]
        wait_until(up, "the tree is up")
        self.look()

    def wait_log(self, actor, part, count=1, within=LIMIT_S, stream=None):
        def found():
            fit = [e for e in self.events("log", actor) if part in e["text"] and stream in (None, e.get("stream"))]
            return fit[count - 1] if len(fit) >= count else None
        return wait_until(found, lambda: f"line {count} of {actor} with '{part}'", within)

    def lines(self, actor, stream=None):
        return [e["text"] for e in self.events("log", actor) if stream in (None, e.get("stream"))]

    def pid(self, actor):
        return [e["pid"] for e in self.events(None, actor) if e["kind"] in ("ready", "recover")][-1]

    def look(self):
        """Takes note of all that descends from the run now."""
        all_of_them = processes()
        mine = {self.process.pid}
        grew = True
        while grew:
            more = {pid for pid, (parent, _) in all_of_them.items() if parent in mine} - mine
            mine |= more
            grew = bool(more)
        for pid in mine:
            if pid in all_of_them:
                self.seen[pid] = all_of_them[pid][1]
        return mine - {self.process.pid}

    def below(self, pid):
        """The processes that descend from pid, which is not among them."""
        all_of_them = processes()
        found = {pid}
        while more := {one for one, (parent, _) in all_of_them.items() if parent in found} - found:
            found |= more
        return found - {pid}

    def left(self):
        """What lives of all that was ever seen, or works in the folder; without the run itself."""
        alive = processes()
        out = {pid for pid, begun in self.seen.items() if pid in alive and alive[pid][1] == begun}
        for pid in alive:
            try:
                if os.readlink(f"/proc/{pid}/cwd").startswith(str(self.folder)):
                    out.add(pid)
            except OSError:
                continue
        return out - {self.process.pid}

    def programs(self):
        """Those of left() that are not the run's own program: its commands, and what these have started. Each with when
        it was started."""
        self.look()
        own = os.path.realpath(self.program)
        all_of_them = processes()
        out = {}
        for pid in self.left():
            try:
                if pid in all_of_them and os.readlink(f"/proc/{pid}/exe") != own:
                    out[pid] = all_of_them[pid][1]
            except OSError:
                continue
        return out

    @staticmethod
    def alive(those):
        """Of pids with when they were started."""
        now = processes()
        return [pid for pid, begun in those.items() if pid in now and now[pid][1] == begun]

    def kill(self, actor, number=signal.SIGKILL):
        """Kills the child's own process by the signal; returns the crash that the run makes of it."""
        count = len(self.events("crash", actor)) + 1
        self.look()
        os.kill(self.pid(actor), number)
        crash = self.wait("crash", actor, count)
        expect(crash["cause"].get("signal") == signal.Signals(number).name, f"another cause: {crash['cause']}")
        return crash

    def kill_and_recover(self, actor):
        old = self.pid(actor)
        count = len(self.events("recover", actor)) + 1
        self.kill(actor)
        new = self.wait("recover", actor, count)["pid"]
        expect(new != old, f"{actor} has the old pid")
        return new

    def steward(self, *words):
        done = subprocess.run([self.program, *words], env=self.env, cwd=self.work, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT_S, check=False)
        expect(done.returncode == 0, f"steward {' '.join(words)}: {done.returncode}: {done.stderr}")
        return done.stdout

    def stop(self):
        self.look()
        self.stopping_since = time.monotonic()
        self.process.send_signal(signal.SIGTERM)

    def end(self, code=143, ports=(), files=()):
        """Waits for the end of the run, which is stopped in order where that is how it is to end, and sees that nothing
        is left: no process, no listener, no file. Returns how long it took."""
        if code == 143 and not self.stopping_since:
            self.stop()
        begun = self.stopping_since or time.monotonic()
        try:
            self.process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Fault("it does not end") from None
        took = time.monotonic() - begun
        expect(self.process.returncode == code, f"exit code {self.process.returncode} instead of {code}")
        self.nothing_is_left(ports, files)
        return took

    def nothing_is_left(self, ports=(), files=()):
        wait_until(lambda: not self.left(), lambda: f"still there: {[(p, command_line(p)) for p in self.left()]}")
        # What is found by its folder alone leaves that before its ports.
        wait_until(lambda: not any(map(listens, ports)),
                   lambda: f"something listens at {[port for port in ports if listens(port)]}")
        there = {str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if not p.is_dir()}
        there -= {name for name in there if name.startswith("work/programs/")}
        known = {"scenario.yaml", "events.jsonl", "stderr"} | {f"work/{name}" for name in files}
        expect(there <= known, f"files are left: {sorted(there - known)}")
        expect({f"work/{name}" for name in files} <= there, f"files are missing: {sorted(known - there)}")

    def order(self, kind, *actors):
        """That the first events of this kind came in this order."""
        numbers = [self.events(kind, a)[0]["seq"] for a in actors]
        expect(numbers == sorted(numbers), f"{kind} not in order: {list(zip(actors, numbers))}")


def main(about, tests):
    """Runs the tests of these names, all without one; --replace breaks their scenarios, to see that they can fail."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("program")
    parser.add_argument("test", nargs="*", help=", ".join(tests))
    parser.add_argument("--replace", action="append", default=[], nargs=2, metavar=("OLD", "NEW"))
    options = parser.parse_args()
    failed = 0
    for name in options.test or tests:
        begun = time.monotonic()
        try:
            told = tests[name](options.program, options.replace)
            verdict = "ok" + (f": {told}" if told else "")
        except (Fault, OSError, LookupError, ValueError) as fault:
            verdict = f"FAILED: {fault or type(fault).__name__}"
            failed += 1
        print(f"{name}: {verdict} ({time.monotonic() - begun:.1f} s)", flush=True)
    return 1 if failed else 0
