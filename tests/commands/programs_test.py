#!/usr/bin/env python3
"""Programs that misbehave, as children of a run: killed, started again, stopped, and gone without a trace.

    programs_test.py STEWARD [TEST]... [--replace OLD NEW]...
"""
import os
import select
import signal
import sys
import time

from live_run import LIMIT_S, LiveRun, command_line, expect, free_ports, listens, main, wait_until

KILLS = 5
TREE = """scenario: programs
tree:
  intensity: {restarts: 20, within: 5m}
  children:
    - id: one
      command: [sh, -c, '%s']
      ready: {line: "^up$"}
      stop: [SIGTERM, 300ms, SIGKILL]
      restart: permanent
      backoff: {min: 5ms, max: 5ms}
"""


def killed_again_and_again(run, count):
    """Each time nothing that the one before has started is left when the next one is up."""
    run.wait_up()
    for _ in range(KILLS):
        def all_run():
            found = run.programs()
            return found if len(found) >= count else None
        old = wait_until(all_run, lambda: f"{len(run.programs())} of {count} run")
        run.kill_and_recover("/root/one")
        still = run.alive(old)
        expect(not still, f"of the one before are left: {[command_line(pid) for pid in still]}")


def forks(program, replace):
    script = "sh -c \"sleep 300; :\" & sh -c \"sleep 300; :\" & echo up; wait; :"
    with LiveRun(program, TREE % script, replace) as run:
        killed_again_and_again(run, 5)
        run.end()


def ignores_sigterm(program, replace):
    with LiveRun(program, TREE % 'trap "" TERM; echo up; while :; do sleep 0.05; done', replace) as run:
        killed_again_and_again(run, 1)
        took = run.end()
        stop = run.wait("stop", "/root/one")
        expect(stop["level"] == "warn" and "killed" in stop["text"], f"that it was killed is not told: {stop}")
        expect(0.3 <= took < 5, f"it was not given its time, or more: {took:.2f} s")


def floods(program, replace):
    """100 MB in lines of 100 bytes: all are read, few are told, and the others are counted."""
    lines = 1_000_000
    script = f'echo up; yes {"x" * 99} | head -n {lines}; echo the end; exec sleep 300'
    few = "logs: {lines_a_second: 100}\n      restart: permanent"
    with LiveRun(program, TREE.replace("restart: permanent", few) % script, replace) as run:
        begun = time.monotonic()
        run.wait_up()
        pid = run.pid("/root/one")

        # The last lines may be among those that are left out; that it has got through shows in what it is now.
        def is_through():
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                return file.read().strip() == "sleep"
        wait_until(is_through, "all is written", 180)
        took = time.monotonic() - begun

        def counted():
            events = run.events("log", "/root/one")
            return sum(1 for e in events if "stream" in e) + sum(e.get("lost", 0) for e in events)
        wait_until(lambda: counted() == lines + 2, lambda: f"{counted()} of {lines + 2} lines are accounted for")
        told = len(run.lines("/root/one", "stdout"))
        expect(told < lines / 10, f"{told} were told")
        run.kill_and_recover("/root/one")
        run.end()
        return f"{lines} lines in {took:.1f} s, {told} told"


def closes_its_output(program, replace):
    """It goes on without, and nobody takes that for its end."""
    script = 'echo up; exec >&- 2>&-; sleep 0.2; : > goes_on; sleep 300; :'
    with LiveRun(program, TREE % script, replace) as run:
        killed_again_and_again(run, 2)
        (run.work / "goes_on").unlink(missing_ok=True)
        run.kill_and_recover("/root/one")
        wait_until(lambda: (run.work / "goes_on").exists(), "it goes on", 5)
        expect(len(run.events("restart", "/root/one")) == KILLS + 1, "it has ended by itself")
        run.end(files=["goes_on"])


DAEMON = """import os, socket, time
s = socket.create_server(("127.0.0.1", %d))
print("up", flush=True)
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(300)
"""


def daemonises(program, replace):
    """One that goes into the background has ended, and so has what it leaves there: its port is free."""
    port, = free_ports(1)
    scenario = TREE.replace("'%s'", "exec python3 daemon.py").replace(
        "restart: permanent", "restart: transient")
    with LiveRun(program, scenario, replace, {"daemon.py": DAEMON % port}) as run:
        run.wait_up()
        stop = run.wait("stop", "/root/one")
        expect(stop["text"] == "finished", f"another end: {stop['text']}")
        # One that is killed has lost its memory, by which it is told here, a little before its port is free.
        wait_until(lambda: not run.programs() and not listens(port), "the daemon is gone, and its port is free")
        run.end(ports=[port], files=["daemon.py"])


def stays_in_the_background(program, replace):
    """One that has left group, session and parent ends with the child, also where the child is killed."""
    one = "sh -c \"sleep 300; :\""
    script = f"setsid {one} & (setsid nohup {one} >/dev/null &) ; echo up; sleep 300; :"
    with LiveRun(program, TREE % script, replace) as run:
        killed_again_and_again(run, 5)
        run.end()


def steward_is_killed(program, replace):
    """Nothing outlives the run that is killed itself."""
    script = "setsid sh -c \"sleep 300; :\" & echo up; sleep 300; :"
    with LiveRun(program, TREE % script, replace) as run:
        run.wait_up()
        wait_until(lambda: len(run.programs()) == 4, "all run")
        # Each tells of its end by itself: to look for all of them in /proc takes longer than they do.
        ends = select.poll()
        waited_for = {os.pidfd_open(pid) for pid in run.programs()}
        for one in waited_for:
            ends.register(one, select.POLLIN)
        os.kill(run.process.pid, signal.SIGKILL)
        begun = time.monotonic()
        while waited_for and time.monotonic() < begun + LIMIT_S:
            for one, _ in ends.poll(1000):
                ends.unregister(one)
                os.close(one)
                waited_for.discard(one)
        took = time.monotonic() - begun
        run.process.wait()
        wait_until(lambda: not run.left(), lambda: f"left: {run.left()}")
        expect(took < 1, f"it took {took:.1f} s")
        return f"gone after {took * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main(__doc__, {test.__name__: test for test in (
        forks, ignores_sigterm, floods, closes_its_output, daemonises, stays_in_the_background, steward_is_killed)}))
