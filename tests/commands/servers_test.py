#!/usr/bin/env python3
"""nginx and redis-server as children: ready, at work, stopped in order, killed 20 times, and gone without a trace.

    servers_test.py STEWARD [nginx] [redis] [--replace OLD NEW]...
"""
import os
import socket
import statistics
import sys
import threading

from live_run import LiveRun, expect, free_ports, get, listens, main, need, processes, wait_until

KILLS = 20
OFTEN = "intensity: {restarts: 30, within: 5m}"
SOON = "backoff: {min: 5ms, max: 5ms}"

NGINX = """scenario: nginx
tree:
  %(often)s
  children:
    - id: web
      command: [nginx, -p, "@WORK@/", -c, nginx.conf, -e, stderr, -g, 'daemon off;']
      ready: {http: "http://127.0.0.1:%(port)d/ready"}
      stop: [SIGQUIT, 20s, SIGKILL]
      %(soon)s
"""

NGINX_CONF = """%(user)s
worker_processes 2;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 64; }
http {
  access_log /dev/stdout;
  client_body_temp_path spool/body; proxy_temp_path spool/proxy; fastcgi_temp_path spool/fastcgi;
  uwsgi_temp_path spool/uwsgi; scgi_temp_path spool/scgi;
  server {
    listen 127.0.0.1:%(port)d sndbuf=64k;
    location / { return 200 "worker $pid of $connection\\n"; }
    location /slow { root .; }
  }
}
"""
SLOW_BYTES = 8_000_000  # far more than what is under way to a client that does not read


def read_all(port, path, begun, go_on, into):
    """A client that says when its answer has begun, and reads the rest only when it is told to."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        one.settimeout(30)
        one.connect(("127.0.0.1", port))
        one.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        got = [one.recv(65536)]
        begun.set()
        go_on.wait(60)
        while more := one.recv(65536):
            got.append(more)
    into.append(len(b"".join(got).partition(b"\r\n\r\n")[2]))


def with_workers(run, master):
    """The master and its two workers, each with when it was started; None while there are others."""
    workers = run.below(master)
    now = processes()
    all_of_them = {pid: now[pid][1] for pid in workers | {master} if pid in now}
    return all_of_them if len(workers) == 2 and len(all_of_them) == 3 else None


def nginx(program, replace):
    need("nginx")
    port, = free_ports(1)
    user = "user root;" if os.geteuid() == 0 else ""
    conf = NGINX_CONF % {"user": user, "port": port}
    path = os.environ["PATH"] + ":/usr/sbin"
    files = {"nginx.conf": conf, "slow": "x" * SLOW_BYTES}
    scenario = NGINX % {"often": OFTEN, "soon": SOON, "port": port}
    with LiveRun(program, scenario, replace, files, environment={"PATH": path}) as run:
        (run.work / "spool").mkdir()
        run.wait_up()
        master = run.pid("/root/web")
        expect(get(port)[0] == 200, "no answer")
        times = []
        for i in range(1, KILLS + 1):
            old = wait_until(lambda: with_workers(run, master), "two workers")
            master = run.kill_and_recover("/root/web")
            expect(not run.alive(old), f"of the nginx before are left: {run.alive(old)}")
            expect(get(port, f"/round-{i}")[0] == 200, "no answer")
            run.wait_log("/root/web", f'"GET /round-{i} HTTP', stream="stdout")
            times.append(run.events("recover", "/root/web")[-1]["recovery_ms"])
        run.wait_log("/root/web", "start worker processes", count=KILLS + 1, stream="stderr")
        # Whoever is being answered gets the whole answer, while nobody new gets in.
        begun, go_on, bytes_got = threading.Event(), threading.Event(), []
        client = threading.Thread(target=read_all, args=(port, "/slow", begun, go_on, bytes_got), daemon=True)
        client.start()
        expect(begun.wait(30), "the slow answer does not begin")
        run.stop()
        wait_until(lambda: not listens(port), "nobody listens any more", 15)  # it would be killed after 20 s
        expect(run.process.poll() is None, "it did not wait for the answer that was under way")
        go_on.set()
        client.join(30)
        took = run.end(ports=[port], files=["nginx.conf", "slow"])
        expect(bytes_got == [SLOW_BYTES], f"the answer under way was cut: {bytes_got}")
        stop = run.wait("stop", "/root/web")
        expect(stop["text"] == "shut down: exit code 0", f"another end: {stop['text']}")
        run.wait_log("/root/web", "gracefully shutting down", stream="stderr")
        return (f"{KILLS} kills, recovered after {statistics.median(times):.0f} ms (median), "
                f"{max(times):.0f} ms (max), stopped in {took:.1f} s with an answer under way")


REDIS = """scenario: redis
tree:
  %(often)s
  children:
    - id: db
      command: [redis-server, --port, "%(port)d", --bind, 127.0.0.1, --daemonize, "no", --dir, ".", --save, 3600 1,
                --appendonly, "yes", --appendfsync, always]
      ready: {port: %(port)d}
      %(soon)s
    - id: cache
      command: [redis-server, --port, "%(other)d", --bind, 127.0.0.1, --dir, ".", --save, 3600 1,
                --dbfilename, cache.rdb]
      ready: {line: Ready to accept connections}
      %(soon)s
"""


class Redis:
    def __init__(self, port):
        self.link = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.link.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.link.close()

    def ask(self, *words):
        """It listens before it has read its files; until then it says so."""
        return wait_until(lambda: self._answer(words), "it has loaded what it had written", 30)[0]

    def _answer(self, words):
        self.link.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(w)}\r\n{w}\r\n".encode() for w in words))
        head = self.file.readline().decode().strip()
        if head.startswith("-LOADING"):
            return None
        if head[:1] != "$":
            return (head,)
        return (None if head == "$-1" else self.file.read(int(head[1:]) + 2)[:-2].decode(),)


def redis(program, replace):
    need("redis-server")
    port, other = free_ports(2)
    scenario = REDIS % {"often": OFTEN, "soon": SOON, "port": port, "other": other}
    with LiveRun(program, scenario, replace) as run:
        run.wait_up()
        times = []
        for i in range(1, KILLS + 1):
            with Redis(port) as db:
                # It syncs before it answers, so that kill -9 takes nothing of what was answered.
                answer = db.ask("INCR", "rounds")
                expect(answer == f":{i}", f"what was written is lost: {answer} instead of {i}")
            run.kill_and_recover("/root/db")
            times.append(run.events("recover", "/root/db")[-1]["recovery_ms"])
        run.wait_log("/root/db", "Ready to accept connections", count=KILLS + 1, stream="stdout")
        # The other one keeps nothing but what it saves at its stop.
        with Redis(other) as cache:
            expect(cache.ask("SET", "kept", "yes") == "+OK", "not set")
        expect(not (run.work / "cache.rdb").exists(), "saved already")
        run.steward("restart", "/root/cache")
        run.wait_log("/root/cache", "DB saved on disk")
        wait_until(lambda: listens(other), "the cache is back")
        with Redis(other) as cache:
            expect(cache.ask("GET", "kept") == "yes", "it was not saved")
        expect(not run.events("crash", "/root/cache"), "the stop was a crash")
        with Redis(port) as db:
            expect(db.ask("GET", "rounds") == str(KILLS), "what was written is lost")
        made = [str(p.relative_to(run.work)) for p in (run.work / "appendonlydir").iterdir()]
        took = run.end(ports=[port, other], files=["cache.rdb", "dump.rdb", *made])
        for child in ("db", "cache"):
            run.wait_log(f"/root/{child}", "User requested shutdown")
            stop = run.events("stop", f"/root/{child}")[-1]
            expect(stop["text"] == "shut down: exit code 0", f"another end: {stop['text']}")
        return (f"{KILLS} kills, recovered after {statistics.median(times):.0f} ms (median), "
                f"{max(times):.0f} ms (max), stopped in {took:.1f} s")


if __name__ == "__main__":
    sys.exit(main(__doc__, {"nginx": nginx, "redis": redis}))
