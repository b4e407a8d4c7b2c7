#!/usr/bin/env python3
"""Stands in for programs that cannot be installed, with what a supervisor sees of them: what listens, what forks, what
it says, and how it ends.

  web PORT      an HTTP server, alone or a master with workers as gunicorn and php-fpm are
  worker NAME   takes one task after the other, alone or with children as celery does; on SIGTERM it finishes the one
                in hand
  job NAME      does something and ends
  daemon PORT   goes into the background and listens there; `daemon-stop` ends it
"""
import argparse
import os
import pathlib
import select
import signal
import socket
import sys
import time


STOPS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


def say(text):
    """That nobody reads it any more is no reason to end."""
    try:
        os.write(1, f"{text}\n".encode())
    except OSError:
        pass


def demand(ports):
    """Ends with 1 where something that this one needs is not there: so a wrong order of starts is seen."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            print(f"nobody listens at {port}", file=sys.stderr, flush=True)
            sys.exit(1)


def obey(file):
    """Ends with the code that stands in the file, once it is there. Of several that look for it one does."""
    if not file or not os.path.exists(file):
        return
    mine = f"{file}.{os.getpid()}"
    try:
        os.rename(file, mine)
    except OSError:
        return
    code = int(pathlib.Path(mine).read_text())
    os.unlink(mine)
    say(f"ends with {code}")
    sys.exit(code)


def listen(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def serve(listener, options):
    while True:
        while not select.select([listener], [], [], 0.05)[0]:
            obey(options.ends)
        try:
            listener.setblocking(False)
            link, _ = listener.accept()
        except BlockingIOError:
            continue  # another worker was faster
        with link:
            link.settimeout(5)
            try:
                request = link.recv(65536).decode(errors="replace").split(" ")
                if len(request) < 2:
                    continue
                body = f"{request[1]} by {os.getpid()} of {os.getppid()}\n"
                link.sendall(f"HTTP/1.0 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
                say(f"answered {request[1]}")
            except OSError:
                continue


class Told(Exception):
    def __init__(self, number):
        super().__init__()
        self.number = number


def be_told_by(*numbers):
    def tell(number, _):
        raise Told(number)
    for number in numbers:
        signal.signal(number, tell)


def web(options):
    be_told_by(signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
    if options.broken and os.path.exists(options.broken):
        print("cannot start", file=sys.stderr, flush=True)
        sys.exit(1)
    demand(options.needs)
    workers = []
    try:
        time.sleep(options.late)
        listener = listen(options.port)
        say(f"listening at {options.port}")
        for _ in range(options.workers):
            workers.append(fork_worker(listener, options))
        if not workers:
            serve(listener, options)
        while True:
            pid, _ = os.wait()
            # Between the fork and its note no signal may come in.
            signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
            workers[workers.index(pid)] = fork_worker(listener, options)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    except Told as told:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        if options.workers:
            for pid in workers:
                try:
                    os.kill(pid, told.number)
                except ProcessLookupError:
                    pass  # the signal was for the whole group
            try:
                while True:
                    os.wait()
            except ChildProcessError:
                pass
        say(f"{signal.Signals(told.number).name}: finished")
        sys.exit(128 + told.number if options.by_signal else 0)


def fork_worker(listener, options):
    pid = os.fork()
    if pid == 0:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            serve(listener, options)
        except Told:
            os._exit(0)
    return pid


def worker(options):
    demand(options.needs)
    if options.broken and os.path.exists(options.broken):
        print("cannot start", file=sys.stderr, flush=True)
        sys.exit(1)
    asked = []
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    say(f"{options.name}: up")
    if options.children:
        return parent_of_workers(options, asked)
    while not asked:
        take_task(options.name, options.task, options.ends)
    say(f"{options.name}: warm shutdown")
    return 0


def take_task(name, seconds, ends=None):
    say(f"{name}: begins a task")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        obey(ends)
        time.sleep(min(left, 0.02))
    say(f"{name}: has done a task")


def parent_of_workers(options, asked):
    """Children finish their task when the pipe says so; a signal of their own they do not survive."""
    read_end, write_end = os.pipe()
    children = set()
    for i in range(options.children):
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.close(write_end)
            while not select.select([read_end], [], [], 0)[0]:
                take_task(f"{options.name}, child {i}", options.task)
            os._exit(0)
        children.add(pid)
    os.close(read_end)
    code = 0
    while children:
        if asked and write_end >= 0:
            say(f"{options.name}: warm shutdown")
            os.close(write_end)
            write_end = -1
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            time.sleep(0.01)
            continue
        children.discard(pid)
        if os.WIFSIGNALED(status):
            say(f"{options.name}: lost a child by signal {os.WTERMSIG(status)}")
            code = 1
    return code


def job(options):
    demand(options.needs)
    time.sleep(options.task)
    if options.code == 0:
        say(f"{options.name}: done")
    else:
        print(f"{options.name}: failed", file=sys.stderr, flush=True)
    return options.code


def daemon(options):
    listener = listen(options.port)
    if os.fork():
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
    pathlib.Path(options.pid_file).write_text(str(os.getpid()))
    be_told_by(signal.SIGTERM)
    try:
        serve(listener, options)
    except Told:
        os.unlink(options.pid_file)
        os._exit(0)


def daemon_stop(options):
    pid = int(pathlib.Path(options.pid_file).read_text())
    os.kill(pid, signal.SIGTERM)
    while os.path.exists(options.pid_file):
        time.sleep(0.01)
    say("the daemon is stopped")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(required=True)

    def kind(name, what, *positional):
        one = kinds.add_parser(name)
        one.set_defaults(what=what)
        for key in positional:
            one.add_argument(key, type=int if key == "port" else str)
        one.add_argument("--needs", type=int, action="append", default=[], metavar="PORT")
        one.add_argument("--ends", metavar="FILE", help="ends with the code in this file, once it is there")
        one.add_argument("--broken", metavar="FILE", help="cannot start while this file is there")
        one.add_argument("--task", type=float, default=0.1, metavar="SECONDS", help="how long one takes")
        return one
    one = kind("web", web, "port")
    one.add_argument("--workers", type=int, default=0)
    one.add_argument("--late", type=float, default=0, metavar="SECONDS", help="listens after this long")
    one.add_argument("--by-signal", action="store_true", help="its exit code tells of the signal, as those of node do")
    one = kind("worker", worker, "name")
    one.add_argument("--children", type=int, default=0)
    kind("job", job, "name").add_argument("--code", type=int, default=0)
    kind("daemon", daemon, "port").add_argument("--pid-file", required=True)
    kind("daemon-stop", daemon_stop).add_argument("--pid-file", required=True)
    options = parser.parse_args()
    return options.what(options)


if __name__ == "__main__":
    sys.exit(main())
