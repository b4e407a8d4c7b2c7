#!/usr/bin/env python3
"""Asks a real run for all that its API has, and checks each answer against docs/reference/openapi.json.

usage: openapi_test.py STEWARD OPENAPI
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import jsonschema

SCENARIO = """scenario: described
tree:
  intensity: {restarts: 100, within: 1s}
  children:
    - {id: total, actor: counter}
    - {id: list, actor: shared_list}
    - {id: fragile, actor: counter, intensity: {restarts: 1, within: 1m}, on_spent: park}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
    - id: conns
      supervisor:
        strategy: simple_one_for_one
        initial: 2
        children:
          - {id: conn, actor: counter}
run:
  - crash: {actor: total}
  - crash: {actor: fragile}
  - crash: {actor: fragile}
  - map: {pool: squares, inputs: 1..10}
"""
LIMIT_S = 30


class unix_connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("steward", timeout=LIMIT_S)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class described:
    """The description, and which of its routes were asked."""

    def __init__(self, text):
        self.document = json.loads(text)
        self.asked = set()
        self.checked = 0

    def schema(self, part):
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **part,
                "components": self.document["components"]}

    def route(self, method, target):
        """The route of a method that says most of a target; none when it has no such method."""
        path = target.split("?")[0]
        for one in sorted(self.document["paths"], key=len, reverse=True):
            pattern = re.sub(r"\\\{[a-z]+\\\}", ".+", re.escape(one))
            if method in self.document["paths"][one] and re.fullmatch(pattern, path):
                return one
        return None

    def check(self, method, target, status, kind, body):
        route = self.route(method.lower(), target)
        problem = self.document["components"]["schemas"]["Problem"]
        if route is None:
            assert status in (404, 405), (method, target, status)
            contents = {"application/problem+json": {"schema": problem}}
        else:
            responses = self.document["paths"][route][method.lower()]["responses"]
            answer = responses.get(str(status)) or responses.get(f"{status // 100}XX")
            assert answer, f"{method} {target}: {status} is not described"
            contents = answer["content"]
            if status == 200:
                self.asked.add((method.lower(), route))
        assert kind in contents, f"{method} {target}: the type {kind} is not described"
        values = [body]
        if kind == "application/jsonl":
            values = [json.loads(line) for line in body.splitlines()]
        elif "json" in kind:
            values = [json.loads(body)]
        validator = jsonschema.Draft202012Validator(self.schema(contents[kind]["schema"]))
        for value in values:
            faults = [f"{'/'.join(map(str, x.absolute_path))}: {x.message}" for x in validator.iter_errors(value)]
            assert not faults, f"{method} {target}: " + "; ".join(faults[:5])
            self.checked += 1
        return values[0] if len(values) == 1 else values


def wait_for_event(run, kind, actor):
    for line in run.stdout:
        event = json.loads(line)
        if event["kind"] == kind and event["actor"] == actor:
            return
    raise AssertionError(f"the run ended without {kind} of {actor}")


def walk(api, path):
    connection = unix_connection(path)

    def ask(method, target, status=200, body=None):
        connection.request(method, target, body)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == status, (method, target, answer.status, text)
        return api.check(method, target, status, answer.getheader("Content-Type"), text)

    view = ask("GET", "/v1/view")
    served = ask("GET", "/v1/openapi.json")
    assert served == api.document, "the program serves another description"
    for target in ("/", "/v1/run", "/v1/tree", "/v1/pools/root/squares", "/v1/crashes",
                   "/v1/crashes?path=/root/total", "/v1/crashes?limit=1", "/v1/samples", "/v1/samples?path=/root/total&step=1s", "/metrics",
                   "/v1/events", "/v1/events?after=3&limit=4", "/v1/plan", "/observer.js", "/observer.css", "/icon.svg",
                   "/licences.txt",
                   "/v1/timeline", "/v1/timeline?path=/root/squares&most=3&offset=1&limit=2",
                   "/metrics?children=all"):
        ask("GET", target)
    for child in view["children"]:
        ask("GET", "/v1/children" + child["path"])
    for seq in range(1, view["last_seq"] + 1):
        ask("GET", f"/v1/tree?at={seq}")
        ask("GET", f"/v1/view?at={seq}")
    now = ask("GET", f"/v1/tree?at={view['now']}")
    assert now["last_seq"] >= view["last_seq"], (now["last_seq"], view["last_seq"])
    for crash in view["crashes"]:
        ask("GET", "/v1/crashes/" + crash["id"])
        ask("GET", "/v1/crashes/" + crash["id"] + "/account")
    for target, status in (("/v1/nothing", 404), ("/v1/children/root/totl", 404), ("/v1/crashes/c-9", 404),
                           ("/v1/crashes/c-9/account", 404), ("/v1/tree?at=x", 400),
                           ("/v1/tree?at=100000", 404), ("/v1/view?at=2001-01-01T00:00:00.000000Z", 404),
                           ("/metrics?children=some", 400), ("/v1/timeline?limit=0", 400), ("/v1/timeline?from=now", 400), ("/v1/timelime", 404), ("/v1/events?kind=x", 400),
                           ("/v1/pools/root/total", 404), ("/v1/shutdown", 405), ("/v1/samples?path=/root/totl", 404),
                           ("/v1/crashes?path=/root/totl", 404), ("/v1/events?after=100000", 409)):
        ask("GET", target, status)
    for verb in ("stop", "start", "restart", "park", "revive", "kill"):
        ask("POST", "/v1/children/root/list/" + verb)
    ask("POST", "/v1/children/root/nobody/stop", 404)
    ask("POST", "/v1/children/root/list/stpo", 404)
    ask("POST", "/v1/pools/root/squares/resize", 200, '{"workers": 3}')
    ask("POST", "/v1/pools/root/squares/resize", 400, '{"workers": -3}')
    ask("POST", "/v1/reload", 200, '{"dry_run": true}')
    ask("POST", "/v1/reload")
    ask("POST", "/v1/reload", 422, '{"file": "/does/not/exist.yaml"}')
    ask("DELETE", "/v1/run", 405)
    events = ask("GET", "/v1/events?kind=operator")
    assert all(x["by"].startswith(f"uid {os.getuid()}") for x in events), events
    feed = unix_connection(path)
    feed.request("GET", "/v1/events?after=2&limit=1", headers={"Accept": "text/event-stream"})
    answer = feed.getresponse()
    text = answer.read().decode()
    api.check("GET", "/v1/events", 200, answer.getheader("Content-Type"), text)
    first, rest = text.split("\n\n", 1)
    assert first == f'event: run\ndata: {{"run":"{view["run"]}","last_seq":{json.loads(first.split("data: ")[1])["last_seq"]}}}'
    assert rest.startswith("id: 3\ndata: {"), text
    ask("POST", "/v1/shutdown")


def main():
    program, description = sys.argv[1:]
    api = described(Path(description).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        scenario = Path(folder, "described.yaml")
        scenario.write_text(SCENARIO, encoding="utf-8")
        environment = {**os.environ, "XDG_RUNTIME_DIR": folder}
        run = subprocess.Popen([program, "run", str(scenario), "--stay", "--json"], env=environment,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = threading.Timer(LIMIT_S, run.kill)
        deadline.start()
        path = f"{folder}/steward/described-{run.pid}.sock"
        try:
            wait_for_event(run, "park", "/root/fragile")
            walk(api, path)
            run.communicate()
            assert run.returncode == 0, f"the run ended with {run.returncode}"
            assert not os.path.exists(path), "the socket is still there"
        except BaseException:
            run.send_signal(signal.SIGTERM)
            print(run.communicate()[1], file=sys.stderr)
            raise
        finally:
            deadline.cancel()
    left = {(method, route) for route, methods in api.document["paths"].items() for method in methods} - api.asked
    assert not left, f"never answered with 200: {sorted(left)}"
    print(f"{api.checked} answers are as described")


if __name__ == "__main__":
    main()
