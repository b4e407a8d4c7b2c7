#!/usr/bin/env python3
"""Ten thousand connections to a run, on its Unix socket and on loopback: the tree must not notice.

  crowd_test.py STEWARD [--connections N] [--limit DESCRIPTORS] [--whole]

The program is given DESCRIPTORS of them. The crowd says nothing; half a request, half a body, asks for streams, or for
answers that it does not read, each with a fifth of the connections, or with --whole with all. Meanwhile a client that behaves is answered, a stream that was there before loses no event, and no child is
touched; when the crowd has gone the program has as many descriptors as before.
"""

import argparse
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SCENARIO = """scenario: crowded
tree:
  children:
    - {id: total, actor: counter}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
run:
  - map: {pool: squares, inputs: 1..5, print: []}
    every: 100ms
"""
CHILDREN = 5  # with the root and the workers
LIMIT_S = 60
STREAM = b"GET /v1/events HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nAccept: text/event-stream\r\n\r\n"
HABITS = {
    "idle": b"",
    "half": b"GET /v1/run HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nX-Never: ",
    "body": b"POST /v1/shutdown HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{",
    "stream": STREAM,
    "deaf": b"GET /v1/openapi.json HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n" * 20,
}


class Door:
    """Where a crowd comes in."""

    def __init__(self, name, address, host, token):
        self.name, self.address, self.host, self.token = name, address, host, token

    def connect(self):
        one = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        one.settimeout(LIMIT_S)
        end = time.monotonic() + LIMIT_S
        while True:
            try:
                one.connect(self.address)
                return one
            except BlockingIOError:  # so many wait to be accepted that there is no room for one more
                assert time.monotonic() < end, f"{self.name}: nobody is accepted"
                time.sleep(0.001)

    def words(self, text):
        return text.replace(b"%s", self.host.encode(), 1).replace(b"%s", self.token.encode(), 1)

    def ask(self, target):
        """The answer to a client that behaves: one that is told to come again does so."""
        end = time.monotonic() + LIMIT_S
        while True:
            connection = http.client.HTTPConnection("run", timeout=LIMIT_S)
            try:
                connection.sock = self.connect()
                connection.request("GET", target, headers={"Host": self.host, "Authorization": "Bearer " + self.token})
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status == 200:
                    return json.loads(text)
                problem = json.loads(text)
                assert answer.status == 503 and "as many" in problem["title"], (answer.status, text)
                assert answer.getheader("Retry-After") == "1", "it is not said when to come again"
            except (ConnectionError, http.client.BadStatusLine):
                pass  # it went with the crowd
            finally:
                connection.close()
            assert time.monotonic() < end, f"{self.name}: nobody is answered"
            time.sleep(0.1)


class Crowd:
    """Connections that all have the same habit. What is pipelined behind a request counts as one more."""

    def __init__(self, door, habit, size):
        self.sockets = []
        self.refused = 0
        for _ in range(size):
            one = door.connect()
            try:
                one.send(door.words(HABITS[habit]))
            except ConnectionError:
                self.refused += 1  # it was dropped for the ones that came behind it
            self.sockets.append(one)

    def reasons(self):
        """What those have been told that were sent away."""
        out = set()
        for one in self.sockets:
            one.setblocking(False)
            try:
                text = one.recv(4096)
            except OSError:
                continue
            if text.startswith(b"HTTP/1.1 503") or text.startswith(b"HTTP/1.1 408"):
                out.add(json.loads(text.split(b"\r\n\r\n", 1)[1].split(b"\n", 1)[0])["title"])
        return out

    def leave(self):
        for one in self.sockets:
            one.close()


class Follower(threading.Thread):
    """Reads a stream that was there before the crowd."""

    def __init__(self, door):
        super().__init__(daemon=True)
        self.numbers = []
        self.gaps = 0
        self.socket = door.connect()
        self.socket.send(door.words(STREAM))
        self.file = self.socket.makefile("rb")
        self.start()

    def run(self):
        try:
            for line in self.file:
                if line.startswith(b"event: gap"):
                    self.gaps += 1
                elif match := re.match(rb"id: (\d+)", line):
                    self.numbers.append(int(match[1]))
        except OSError:
            pass

    def wait_beyond(self, seq):
        end = time.monotonic() + LIMIT_S
        while not self.numbers or self.numbers[-1] < seq:
            assert self.is_alive(), "a stream that was read was ended"
            assert time.monotonic() < end, "a stream that was read has stopped"
            time.sleep(0.02)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def state_of(door):
    """What must not change."""
    view = door.ask("/v1/view")
    assert view.get("interventions", 0) == 0 and view.get("crash_count", 0) == 0, view
    return [(x["path"], x["status"], x["incarnation"], x.get("restarts", 0)) for x in view["children"]]


def trouble(run, doors, size, others):
    before = state_of(doors[0])
    follower = Follower(doors[0])
    follower.wait_beyond(1)
    calm = descriptors(run.pid)
    for door in doors:
        for habit in HABITS:
            count = size if habit == "idle" else others
            crowd = Crowd(door, habit, count)
            for other in doors:
                now = state_of(other)
                assert now == before, f"{door.name}, {habit}: the tree was {before}, and is {now}"
            most = descriptors(run.pid)
            follower.wait_beyond(doors[0].ask("/v1/run")["last_seq"])
            reasons = crowd.reasons()
            crowd.leave()
            end = time.monotonic() + LIMIT_S
            while (left := descriptors(run.pid)) > calm + 4:  # our own questions
                assert time.monotonic() < end, f"{door.name}, {habit}: {left} descriptors, {calm} before"
                door.ask("/v1/run")
            assert state_of(door) == before
            print(f"{door.name}, {habit}: {count} connections, {crowd.refused} gone before they spoke; "
                  f"descriptors of the program {calm}, {most} with the crowd, {left} behind it; told: {sorted(reasons)}")
    assert follower.gaps == 0
    assert follower.numbers == list(range(follower.numbers[0], follower.numbers[-1] + 1)), "the stream has a hole"
    follower.socket.shutdown(socket.SHUT_RDWR)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--limit", type=int, default=1_024)
    parser.add_argument("--whole", action="store_true")
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    size = given.connections if most == resource.RLIM_INFINITY else min(given.connections, most - 200)
    own = size + 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (own, most))
    limited = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (given.limit, given.limit))
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "crowded.yaml")
        scenario.write_text(SCENARIO, encoding="utf-8")
        with open(Path(folder, "err"), "w+", encoding="utf-8") as err:
            run = subprocess.Popen([given.program, "run", str(scenario), "--stay", "--quiet", "--observe", "0"],
                                   env={**os.environ, "XDG_RUNTIME_DIR": folder}, stdout=subprocess.DEVNULL, stderr=err,
                                   preexec_fn=limited)
            try:
                end = time.monotonic() + LIMIT_S
                while not (url := re.search(r"http://([\d.]+):(\d+)/\?token=(\w+)", Path(err.name).read_text())):
                    assert run.poll() is None and time.monotonic() < end, Path(err.name).read_text()
                    time.sleep(0.02)
                address, port, token = url.groups()
                doors = [Door("socket", f"{folder}/steward/crowded-{run.pid}.sock", "run", token),
                         Door("loopback", (address, int(port)), f"{address}:{port}", token)]
                while [x["status"] for x in doors[0].ask("/v1/view")["children"]] != ["up"] * CHILDREN:
                    assert time.monotonic() < end, "the children do not come up"
                trouble(run, doors, size, size if given.whole else size // 5)
                run.send_signal(signal.SIGTERM)
                assert run.wait(LIMIT_S) == 143, f"the run ended with {run.returncode}"
            except BaseException:
                run.kill()
                print(Path(err.name).read_text()[-2000:], file=sys.stderr)
                raise


if __name__ == "__main__":
    main()
