#!/usr/bin/env python3
"""A service in a storm, looked into and steered all the while; at the end everything must add up.

  service_storm.py PROGRAM [--seconds N]

Starts PROGRAM on a service whose actors and workers crash without end, and meanwhile asks for everything a person could:
ps, tree, log, report, show, top on terminals of two sizes, scale, restart, kill, stop and start, reload with a file that
is changed, broken and the same. Then the service is shut down, and it is checked that

- every task has one outcome and every message is accounted for,
- each operation is in the log with its author,
- neither memory nor descriptors have grown.
"""
import argparse
import collections
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

SERVICE = """
scenario: storm_service
tree:
  intensity: {{restarts: 100000, within: 1s}}
  children:
    - id: total
      actor: counter
      backoff: {{min: 1ms, max: 5ms}}
    - id: words
      actor: dictionary
      backoff: {{min: 1ms, max: 5ms}}
    - id: squares
      pool:
        task: square_unless
        runs_in: processes
        workers: {workers}
        attempts: 3
        worker_intensity: {{restarts: 100000, within: 1s}}
    - id: primes
      pool: {{task: count_primes, runs_in: threads, workers: 2}}
    - id: many
      supervisor:
        strategy: simple_one_for_one
        children:
          - {{id: one, actor: counter}}
run:
  - start_child: {{supervisor: many, count: 50}}
    at: start
  - crash: {{actor: total}}
    every: 100ms
  - crash: {{actor: words}}
    every: 150ms
  - map: {{pool: squares, inputs: [[1, ""], [2, ""], [3, "abort"], [4, ""], [5, "throw"], [6, "exit"]], print: []}}
    every: 200ms
  - map: {{pool: primes, inputs: {{value: 5000, times: 200}}, print: []}}
    every: 100ms
"""


class failed(Exception):
    pass


def check(what, text):
    if not what:
        raise failed(text)
