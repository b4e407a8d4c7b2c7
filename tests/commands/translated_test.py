#!/usr/bin/env python3
"""Configs of users of supervisord and process-compose, translated: each runs as it does there.

    translated_test.py STEWARD [NAME]... [--replace OLD NEW]...

The files are those in translated/. Their ports are replaced by free ones, and delays by short ones.
"""
import os
import pathlib
import re
import signal
import sys
import time

from live_run import LiveRun, expect, free_ports, get, listens, main, need, wait_until

TRANSLATED = pathlib.Path(__file__).resolve().parent / "translated"
IS_ROOT = os.geteuid() == 0


class Translated(LiveRun):
    """With a port of its own for each of the file's, also in the files that its programs read."""

    def __init__(self, program, name, replace, ports=(), files=None, short=(), **more):
        text = (TRANSLATED / f"{name}.yaml").read_text()
        for old, new in replace:
            expect(old in text, f"nothing to replace: {old}")
            text = text.replace(old, new)
        if not IS_ROOT:
            text = re.sub(r"(?m)^ *user: .*\n", "", text)
        self.port = dict(zip(ports, free_ports(len(ports)))) if ports else {}
        for old, new in self.port.items():
            expect(str(old) in text, f"port {old} is not in {name}.yaml")
        options = [word for path in short for word in ("--set", path)]
        super().__init__(program, self._with_ports(text), options=options,
                         files={key: self._with_ports(value) for key, value in (files or {}).items()}, **more)

    def _with_ports(self, text):
        return re.sub(r"\b\d{4}\b", lambda found: str(self.port.get(int(found[0]), found[0])), text)

    def get(self, port, path="/"):
        status, body = get(self.port[port], path)
        expect(status == 200, f"{port}{path} is answered with {status}")
        return body

    def tell(self, file, code):
        """To a stand-in that looks for this file: at once the whole of it."""
        (self.folder / "tmp" / file).write_text(str(code))
        (self.folder / "tmp" / file).rename(self.work / file)

    def said_by(self, actor, pid):
        return [e["text"] for e in self.events("log", actor) if e["pid"] == pid]

    def end(self, code=143, files=(), **more):
        return super().end(code, ports=self.port.values(), files=files, **more)

    def is_restarted(self, *actors, but=()):
        """Each is killed and comes back, and the others do not notice."""
        for actor in actors:
            others = {one: self.pid(one) for one in but}
            self.kill_and_recover(actor)
            expect({one: self.pid(one) for one in but} == others, f"others were restarted with {actor}")

    def stays_down(self, actor, crash=None):
        """It is killed and nobody starts it again; seen in what is decided, and at the end of the run."""
        crash = crash or self.kill(actor)
        expect(crash["decision"]["action"] != "restart", f"it is to be restarted: {crash['decision']}")
        self.down = [*getattr(self, "down", []), (actor, len(self.events("restart", actor)))]

    def stopped_in_reverse(self, *actors):
        self.order("stop", *reversed(actors))
        for actor, count in getattr(self, "down", []):
            expect(len(self.events("restart", actor)) == count, f"{actor} was started again")


NGINX_CONF = f"""{"user root;" if IS_ROOT else ""}
worker_processes 2;
pid nginx.pid;
error_log stderr info;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path spool/body; proxy_temp_path spool/proxy; fastcgi_temp_path spool/fastcgi;
  uwsgi_temp_path spool/uwsgi; scgi_temp_path spool/scgi;
  server {{ listen 127.0.0.1:8080; location / {{ proxy_pass http://127.0.0.1:9000; }} }}
}}
"""


def mediawiki(program, replace):
    need("nginx")
    path = os.environ["PATH"] + ":/usr/sbin"
    children = ["/root/poolcounter", "/root/php-fpm", "/root/nginx"]
    with Translated(program, "mediawiki", replace, [7531, 9000, 8080], {"nginx.conf": NGINX_CONF},
                    environment={"PATH": path}) as run:
        (run.work / "spool").mkdir()
        run.wait_up()
        run.order("ready", *children)
        run.wait_log("/root/poolcounter", "listening")
        if IS_ROOT:
            with open(f"/proc/{run.pid(children[0])}/status", encoding="utf-8") as file:
                uid = re.search(r"Uid:\t(\d+)", file.read())[1]
            expect(uid != "0", "poolcounter runs as root")
        expect(run.get(8080, "/wiki").startswith("/wiki by"), "PHP is not behind nginx")
        for actor in children:
            others = [one for one in children if one != actor]
            old = run.below(run.pid(actor))
            run.is_restarted(actor, but=others)
            expect(not old & set(run.left()), f"workers of {actor} are left")
        run.get(8080, "/after")
        run.end(files=["nginx.conf"])
        run.stopped_in_reverse(*children)
        run.wait_log("/root/php-fpm", "SIGQUIT: finished")
        run.wait_log("/root/nginx", "gracefully shutting down")


def monitor(program, replace):
    """A program that cannot start any more is given up after its tries, and the other one goes on."""
    with Translated(program, "monitor", replace, [8088],
                    short=["tree.children.web.backoff={min: 50ms, max: 200ms}",
                           "tree.children.web.intensity.within=10m"]) as run:
        run.wait_up()
        run.wait_log("/root/web", "listening")
        run.wait_log("/root/monitor", "up")
        run.is_restarted("/root/monitor", but=["/root/web"])
        monitor_pid = run.pid("/root/monitor")
        (run.work / "web-is-broken").touch()
        run.kill("/root/web")
        limit = run.wait("limit", "/root/web")
        crashes = run.events("crash", "/root/web")
        expect(len(crashes) == 4, f"{len(crashes)} crashes instead of the first and three tries")
        expect(limit["seq"] > crashes[-1]["seq"], "it was given up too soon")
        expect(run.pid("/root/monitor") == monitor_pid, "the other one was restarted, too")
        run.wait_log("/root/monitor", "has done a task",
                     count=sum("has done a task" in line for line in run.lines("/root/monitor")) + 1)
        # As with supervisorctl start.
        (run.work / "web-is-broken").unlink()
        run.steward("start", "/root/web")
        wait_until(lambda: listens(run.port[8088]), "it is up again")
        run.get(8088)
        run.end()
        run.wait_log("/root/monitor", "warm shutdown")


def laravel_worker(program, replace):
    workers = [f"/root/queue/worker-{i}" for i in range(1, 7)]
    with Translated(program, "laravel_worker", replace,
                    short=["tree.children.queue.supervisor.children.worker.backoff.min=50ms"]) as run:
        run.wait_up()
        expect(len([e for e in run.events("ready") if e["actor"] in workers]) == 6, "not six workers")
        for worker in workers:
            run.wait_log(worker, "begins a task")
        run.is_restarted(workers[2], but=workers[:2] + workers[3:])
        # One that has done its tasks ends with 0, and is started again.
        run.tell("tasks-are-done", 0)
        ended = wait_until(lambda: [e for e in run.events("stop") if e["actor"] in workers], "one has ended")[0]
        expect(ended["text"] == "ended with exit code 0", f"another end: {ended['text']}")
        run.wait("recover", ended["actor"], 2 if ended["actor"] == workers[2] else 1)
        expect(len(run.events("crash")) == 1, "that was taken for a crash")
        pids = {one: run.pid(one) for one in workers}
        for worker, pid in pids.items():
            wait_until(lambda: "queue: begins a task" in run.said_by(worker, pid), f"{worker} works")
        run.end()
        stops = {one: run.events("stop", one)[-1] for one in workers}
        asked = [e["seq"] for e in run.events("child") if e["actor"] in workers and e["child"]["state"] == "stopping"]
        expect(max(asked) < min(e["seq"] for e in stops.values()), "they were stopped one after the other")
        for worker, stop in stops.items():
            expect(stop["text"] == "shut down: exit code 0", f"{worker}: {stop['text']}")
            said = run.said_by(worker, pids[worker])
            expect(said[-2:] == ["queue: has done a task", "queue: warm shutdown"], f"{worker}: {said[-2:]}")


def balancer(program, replace):
    with Translated(program, "balancer", replace) as run:
        run.wait_up()
        run.is_restarted("/root/figures", "/root/reload")
        run.tell("figures-ends", 1)  # unexpected
        run.wait("recover", "/root/figures", 2)
        expect(run.events("crash", "/root/figures")[-1]["cause"]["code"] == 1, "another code")
        run.tell("reload-ends", 0)  # always
        run.wait("recover", "/root/reload", 2)
        run.tell("figures-ends", 2)  # expected: it has finished
        stop = run.wait("stop", "/root/figures")
        expect(stop["text"] == "finished", f"another end: {stop['text']}")
        run.is_restarted("/root/reload")
        run.end()
        expect(len(run.events("restart", "/root/figures")) == 2, "it was started again after an expected end")


def newsroom(program, replace):
    """Nothing is restarted. celery's children finish their tasks at the stop, since none of them gets the signal."""
    children = [f"/root/{name}" for name in ("rest", "wamp", "work", "beat")]
    with Translated(program, "newsroom", replace, [5000, 5100], {"activate": "export ENV=active\n"}) as run:
        run.wait_up()
        run.order("ready", *children)
        run.get(5000)
        run.get(5100)
        run.stays_down("/root/wamp")
        wait_until(lambda: not listens(run.port[5100]), "nobody listens any more")
        for i in range(3):
            run.wait_log("/root/work", f"celery, child {i}: begins a task")
        if IS_ROOT:
            pids = run.below(run.pid("/root/work"))
            expect(len(pids) == 4, f"{len(pids)} processes instead of celery and three children")
            expect(all(os.stat(f"/proc/{pid}").st_uid != 0 for pid in pids), "celery runs as root")
        run.end(files=["activate"])
        said = run.lines("/root/work")
        expect("celery: warm shutdown" in said, f"celery was not asked: {said[-3:]}")
        expect(not [s for s in said if "lost a child" in s], "children of celery got the signal")
        for i in range(3):
            mine = [s for s in said if s.startswith(f"celery, child {i}")]
            expect(mine[-1].endswith("has done a task"), f"child {i} was cut off in its task")
        stop = run.events("stop", "/root/work")[-1]
        expect(stop["text"] == "shut down: exit code 0", f"another end: {stop['text']}")
        run.stopped_in_reverse("/root/rest", "/root/work", "/root/beat")


def killed_group_dies_with_its_head(run, actor):
    old = run.below(run.pid(actor))
    run.stays_down(actor)
    wait_until(lambda: not old & set(run.left()), f"what {actor} has started is gone")


def newsroom_killed(program, replace):
    """What has a session of its own ends with the shell all the same."""
    with Translated(program, "newsroom", replace, [5000, 5100], {"activate": "export ENV=active\n"}) as run:
        run.wait_up()
        wait_until(lambda: len(run.below(run.pid("/root/work"))) == 4, "celery and its children")
        killed_group_dies_with_its_head(run, "/root/work")
        run.end(files=["activate"])
        run.stopped_in_reverse("/root/rest", "/root/wamp", "/root/beat")


def notes(program, replace):
    children = [f"/root/{name}" for name in ("postgres", "seed", "gen-types", "api", "web")]
    with Translated(program, "notes", replace, [5432, 8080, 5173]) as run:
        run.wait_up()
        run.order("ready", *children)
        seeded = run.wait("stop", "/root/seed")
        expect(seeded["text"] == "finished", f"another end: {seeded['text']}")
        run.wait("stop", "/root/gen-types")
        run.wait_log("/root/web", "listening")
        run.get(8080, "/health")
        run.get(5173)
        run.stays_down("/root/api")
        run.get(5173)
        run.end()
        run.stopped_in_reverse("/root/postgres", "/root/web")
        run.wait_log("/root/postgres", "SIGINT: finished")
    # A job that fails: nothing that needs it is started.
    fails = ("job, seed,", "job, seed, --code, \"3\",")
    with Translated(program, "notes", [*replace, fails], [5432, 8080, 5173]) as run:
        run.end(code=5)
        expect(not run.events("start", "/root/api"), "the API was started without its rows")
        run.wait_log("/root/postgres", "SIGINT: finished")


def shop(program, replace):
    children = [f"/root/{name}" for name in ("infra", "build-packages", "commerce", "api", "tunnel", "payments")]
    others = ["/root/api", "/root/tunnel"]
    with Translated(program, "shop", replace, [9000, 3001], environment={"DOMAIN": "shop.example"},
                    short=["tree.children.payments.backoff={min: 20ms, max: 20ms}"]) as run:
        run.wait_up()
        run.order("ready", *children)
        run.wait("stop", "/root/infra")
        run.wait_log("/root/tunnel", "tunnel to shop.example: up")
        run.is_restarted("/root/api", "/root/commerce", but=["/root/tunnel"])
        run.stays_down("/root/tunnel")
        # The listener dies four times: three restarts, and then it is over for it alone.
        pids = {one: run.pid(one) for one in others}
        for i in range(1, 5):
            run.wait_log("/root/payments", "payments: up", count=i)
            run.tell("payments-end", 1)
            run.wait_log("/root/payments", "payments are no longer received: exit code 1", count=i, stream="stderr")
            run.wait("crash", "/root/payments", i)
        run.wait("limit", "/root/payments")
        expect(len(run.events("restart", "/root/payments")) == 3, "not three restarts")
        expect({one: run.pid(one) for one in others} == pids, "others were restarted, too")
        # An end that is no failure is no reason to start again.
        run.tell("commerce-ends", 0)
        stop = run.wait("stop", "/root/commerce")
        expect(stop["text"] == "finished", f"another end: {stop['text']}")
        run.get(3001, "/health")
        run.end()
        expect(len(run.events("restart", "/root/commerce")) == 1, "it was started again after an orderly end")
        run.stopped_in_reverse("/root/api")


def graph(program, replace):
    servers = [f"/root/{name}" for name in ("api", "atoms", "parse", "enrichment")]
    ports = [5432, 3000, 4010, 4110, 4111]
    with Translated(program, "graph", replace, ports) as run:
        run.wait_up()
        run.order("ready", "/root/datastores", "/root/migrate", *servers)
        run.wait("stop", "/root/migrate")
        for port, path in ((3000, "/health"), (4010, "/ready"), (4110, "/readyz"), (4111, "/readyz")):
            run.get(port, path)
        run.stays_down("/root/atoms")
        # Who else sends it SIGTERM makes it end with 143, which is in order.
        os.kill(run.pid("/root/parse"), signal.SIGTERM)
        expect(run.wait("stop", "/root/parse")["text"] == "finished", "that was no orderly end")
        run.end()
        run.stopped_in_reverse("/root/datastores", "/root/api", "/root/enrichment")
        for actor in ("/root/api", "/root/enrichment"):
            stop = run.events("stop", actor)[-1]
            expect(stop["text"] == "shut down: exit code 143" and stop["level"] == "info", f"another end: {stop}")
        run.wait_log("/root/datastores", "the daemon is stopped")
    # A migration that fails is the end of all.
    with Translated(program, "graph", [*replace, ("job, migrate,", "job, migrate, --code, \"1\",")], ports) as run:
        run.end(code=5)
        expect(not run.events("start", "/root/api"), "the API was started without its tables")
        run.wait_log("/root/datastores", "the daemon is stopped")
    # Where the shell that has started the daemon is killed, the daemon is gone, too.
    with Translated(program, "graph", replace, ports) as run:
        run.wait_up()
        run.stays_down("/root/datastores")
        wait_until(lambda: not listens(run.port[5432]), "the daemon is gone")
        (run.work / "stores.pid").unlink()
        run.end()


def tracing(program, replace):
    need("redis-server", "redis-cli")
    children = [f"/root/{name}" for name in ("postgres", "redis", "nats", "temporal", "redis-exporter")]
    with Translated(program, "tracing", replace, [5432, 6379, 8222, 7233, 9121],
                    short=["tree.children.nats.backoff={min: 20ms, max: 20ms}"]) as run:
        run.wait_up()
        run.order("ready", *children)
        run.is_restarted("/root/redis", "/root/postgres", "/root/temporal", but=["/root/nats", "/root/redis-exporter"])
        run.stays_down("/root/redis-exporter")
        (run.work / "nats-is-broken").touch()
        run.kill("/root/nats")
        run.wait("limit", "/root/nats")
        expect(len(run.events("crash", "/root/nats")) == 6, "not the first crash and five tries")
        (run.work / "nats-is-broken").unlink()
        # redis ends in order by its client's word: no failure, so it stays down.
        pid = run.pid("/root/redis")
        os.spawnlp(os.P_WAIT, "redis-cli", "redis-cli", "-p", str(run.port[6379]), "shutdown", "nosave")
        stop = run.wait("stop", "/root/redis", pid=pid)
        expect(stop["text"] == "finished", f"another end: {stop['text']}")
        run.get(7233)
        run.end()
        expect(len(run.events("restart", "/root/redis")) == 1, "it was started again after an orderly end")
        run.wait_log("/root/postgres", "SIGINT: finished")
        run.stopped_in_reverse("/root/postgres", "/root/temporal")


def sequencer(program, replace):
    children = [f"/root/{name}" for name in ("chain", "deploy-contracts", "orchestrator", "relay", "keydb", "broker",
                                              "sequencer", "prover")]
    with Translated(program, "sequencer", replace, [8545, 8001, 8002, 6379, 9091, 8003]) as run:
        run.wait_up()
        run.order("ready", *children)
        run.wait_log("/root/deploy-contracts", "over with 3")
        expect(run.wait("stop", "/root/deploy-contracts")["text"] == "finished", "another end")
        run.wait_log("/root/prover", "prover: up")
        run.get(8003, "/state")
        run.stays_down("/root/broker")
        wait_until(lambda: not listens(run.port[9091]), "nobody listens any more")
        run.get(8003, "/state")
        run.end()
        run.stopped_in_reverse("/root/chain", "/root/orchestrator", "/root/relay", "/root/keydb", "/root/sequencer",
                               "/root/prover")


if __name__ == "__main__":
    begun = time.monotonic()
    code = main(__doc__, {test.__name__: test for test in (
        mediawiki, monitor, laravel_worker, balancer, newsroom, newsroom_killed, notes, shop, graph, tracing,
        sequencer)})
    print(f"{time.monotonic() - begun:.1f} s")
    sys.exit(code)
