#!/usr/bin/env python3
"""A real Prometheus scrapes a run in which things crash: what it has is held against the run itself, and against the
dashboard, the alerts and the page in docs/.

usage: prometheus_test.py STEWARD DOCS          exit code 77: there is no Prometheus
"""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

SCENARIO = """scenario: scraped
tree:
  intensity: {restarts: 100, within: 1m}
  children:
    - {id: total, actor: counter}
    - {id: fragile, actor: counter, intensity: {restarts: 1, within: 1m}, on_spent: park}
    - {id: spent, actor: counter, intensity: {restarts: 0, within: 1m}, on_spent: end}
    - {id: sleeper, command: [sleep, "1000"]}
    - id: squares
      pool: {task: square, runs_in: processes, workers: 2}
run:
  - crash: {actor: total}
  - crash: {actor: fragile}
  - crash: {actor: fragile}
  - crash: {actor: spent}
  - map: {pool: squares, inputs: 1..10}
  - {map: {pool: squares, inputs: 1..3, print: []}, every: 300ms}
"""
CONFIG = """global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [alerts.yml]
scrape_configs:
  - job_name: steward
    authorization: {type: Bearer, credentials_file: token}
    static_configs: [{targets: ["%s"]}]
"""
LIMIT_S = 40
ENDS_WITH_US = ["setpriv", "--pdeathsig", "TERM"]
SUFFIX = re.compile(r"_(bucket|sum|count)$")
NAME = re.compile(r"\bsteward_[a-z_]+\b")


def until(what, f):
    """The first answer of `f` that is true; it may raise OSError until then."""
    end = time.monotonic() + LIMIT_S
    problem = None
    while time.monotonic() < end:
        try:
            if out := f():
                return out
        except OSError as error:
            problem = error
        time.sleep(0.1)
    raise AssertionError(f"no {what} within {LIMIT_S} s ({problem})")


def get(address, target, token=None):
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", target, headers={"Authorization": "Bearer " + token} if token else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    if answer.status == 503:  # it listens before it can answer: `until` asks again
        raise ConnectionError(f"GET {target}: 503 {text[:500]}")
    assert answer.status == 200, f"GET {target}: {answer.status} {text[:500]}"
    return text


class service:
    """A run that stays up."""

    def __init__(self, program, folder, started):
        scenario = Path(folder, "scraped.yaml")
        scenario.write_text(SCENARIO, encoding="utf-8")
        self.process = subprocess.Popen(
            [*ENDS_WITH_US, program, "run", str(scenario), "--observe", "0", "--stay", "--json"],
            env={**os.environ, "XDG_RUNTIME_DIR": folder}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started.append(self.process)
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"http://(\S+?)/\?token=(\w+)", line):
                self.address, self.token = found.groups()
                break
        else:
            raise AssertionError("the run cannot be observed: " + "".join(said))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def json(self, target):
        return json.loads(get(self.address, target, self.token))

    def metrics(self):
        return get(self.address, "/metrics", self.token)


class prometheus:
    def __init__(self, folder, watched, alerts, started):
        self.folder = folder
        Path(folder, "token").write_text(watched.token, encoding="utf-8")
        Path(folder, "alerts.yml").write_text(alerts, encoding="utf-8")
        config = Path(folder, "prometheus.yml")
        config.write_text(CONFIG % watched.address, encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        with open(Path(folder, "log"), "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*ENDS_WITH_US, "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                 f"--web.listen-address={self.address}", "--log.level=warn"],
                stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        started.append(self.process)

    def api(self, what, **parameters):
        if self.process.poll() is not None:
            raise AssertionError("Prometheus has ended: " + Path(self.folder, "log").read_text(encoding="utf-8"))
        text = get(self.address, f"/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        answer = json.loads(text)
        assert answer["status"] == "success", text
        return answer["data"]

    def query(self, expression):
        return self.api("query", query=expression)["result"]

    def value(self, expression):
        found = self.query(expression)
        assert len(found) <= 1, (expression, found)
        return float(found[0]["value"][1]) if found else None

    def is_scraped(self):
        targets = self.api("targets")["activeTargets"]
        return len(targets) == 1 and targets[0]["health"] == "up" and targets[0]["lastError"] == ""


def promtool(*arguments, text=None):
    done = subprocess.run(["promtool", *arguments], input=text, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False)
    assert done.returncode == 0 and "error" not in done.stdout.lower(), f"promtool {arguments}: {done.stdout}"


def families(text):
    """Types of all metrics, by name."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def queries(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        yield None, annotation["expr"]


def filled_in(expression):
    return expression.replace("$instance", ".*").replace("$__rate_interval", "20s")


def check_names(text, told):
    """Every name in a text is that of a metric."""
    for name in NAME.findall(text):
        assert name in told or SUFFIX.sub("", name) in told, f"there is no metric {name}"


def check_page(page, told):
    """The page tells of every metric with its type, and of no other."""
    rows = dict(re.findall(r"^\| `(steward_\w+)` \| (\w+) \|", page, re.M))
    assert rows == told, f"docs/metrics.md and the run differ in {sorted(set(rows.items()) ^ set(told.items()))}"


def check_conventions(told, text):
    for name, kind in told.items():
        assert (kind == "counter") == name.endswith("_total"), f"{name} is a {kind}"
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r'\w+(\{.*\})? \S+', line), line


def same_figures(run, watching):
    """What Prometheus has by now is what the run says."""
    view = run.json("/v1/run")
    expected = {
        "sum(steward_crashes_total)": view["crash_count"],
        "steward_restarts_total": view["restarts"],
        "steward_recovery_seconds_count": view["summary"]["recoveries"],
        **{f'steward_crashes_total{{class="{cls}"}}': n for cls, n in view["summary"]["by_class"].items()},
    }
    have = {expression: watching.value(expression) for expression in expected}
    return have == expected


def check(run, watching, docs, alerts):
    text = until("figures of a pool", lambda: (x := run.metrics()) and "steward_pool_queued" in x and
                 "steward_program_cpu_ratio" in x and "steward_child_cpu_ratio" in x and x)
    told = families(text)
    promtool("check", "metrics", text=text)
    check_conventions(told, text)
    check_page((docs / "metrics.md").read_text(encoding="utf-8"), told)
    board = (docs / "observability/grafana-dashboard.json").read_text(encoding="utf-8")
    check_names(board, told)
    check_names(alerts, told)

    until("scrape", watching.is_scraped)
    first = watching.value("steward_events_total")
    for path in ("/root/squares/w1", "/root/sleeper"):
        os.kill(run.json("/v1/children" + path)["pid"], signal.SIGSEGV)
    until("second scrape", lambda: watching.value("steward_events_total") != first)
    until("crashes of two processes", lambda: run.json("/v1/run")["summary"]["by_class"] == {"exception": 4, "signal": 2})
    until("agreement of Prometheus with the run", lambda: same_figures(run, watching))
    assert watching.value('steward_child_up{path="/root/fragile"}') == 0
    assert watching.value('steward_children{status="parked"}') == 1
    assert watching.value('steward_child_restarts_total{path="/root/total"}') == 1
    until("ten tasks", lambda: (watching.value(
        'steward_pool_tasks_total{path="/root/squares",outcome="succeeded"}') or 0) >= 10)

    def without_data():
        return [(title, x) for title, x in queries(json.loads(board)) if title and not watching.query(filled_in(x))]

    for _, expression in queries(json.loads(board)):
        watching.query(filled_in(expression))
    try:
        until("data for all panels", lambda: not without_data())
    except AssertionError as problem:
        raise AssertionError(f"no data: {without_data()}") from problem

    rules = [rule for group in watching.api("rules")["groups"] for rule in group["rules"]]
    assert len(rules) == alerts.count("- alert:"), rules
    for rule in rules:
        watching.query(rule["query"])

    def fires():
        firing = [x["labels"] for x in watching.api("alerts")["alerts"] if x["state"] == "firing"]
        return {x["path"] for x in firing if x["alertname"] == "StewardChildDown"} == {"/root/fragile", "/root/spent"}

    until("alert for the children that gave up", fires)
    for rule in [rule for group in watching.api("rules")["groups"] for rule in group["rules"]]:
        assert rule["health"] == "ok", rule
    until("a scrape that is well at the end", watching.is_scraped)
    return len(told)


def end(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main():
    program, docs = sys.argv[1], Path(sys.argv[2])
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("there is no Prometheus: scripts/setup tests")
        return 77
    began = time.monotonic()
    promtool("check", "rules", str(docs / "observability/alerts.yml"))
    alerts = re.sub(r"\bfor: \w+", "for: 1s", (docs / "observability/alerts.yml").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        started = []
        try:
            run = service(program, folder, started)
            metrics = check(run, prometheus(folder, run, alerts, started), docs, alerts)
        finally:
            for process in reversed(started):
                end(process)
    assert run.process.returncode in (0, 143, -signal.SIGTERM), f"the run ended with {run.process.returncode}"
    print(f"{metrics} metrics, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
