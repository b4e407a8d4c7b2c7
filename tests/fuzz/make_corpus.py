#!/usr/bin/env python3
"""Writes the corpus of the fuzzers anew, after a change of a wire format.

usage: tests/fuzz/make_corpus.py [DIR]      DIR is the folder "corpus" beside this file by default
"""
import struct
import sys
from pathlib import Path

HELLO, READY, TASK, RESULT, FAILURE, STOP = range(1, 7)


def frame(kind, payload=b"", flags=0, number=0, body=0, length=None):
    size = len(payload) if length is None else length
    return struct.pack("<4sIHHIQ", b"STWD", size, kind, flags, body, number) + payload


def text(value):
    return struct.pack("<I", len(value)) + value


def task(count=1, arguments=b"\7\0\0\0\0\0\0\0", name=b"square"):
    return struct.pack("<III", 1, 3, count) + text(name) + arguments


def result(item=0, count=1, results=b"\x31\0\0\0\0\0\0\0"):
    return struct.pack("<QQQ", 1234, item, count) + results


def failure(item=0):
    return struct.pack("<QQ", 1234, item) + text(b"std::runtime_error") + text(b"the cat ate it")


def page(said, signal=11, frames=(), anchor=0, message=b"", exception=b"", overflow=0):
    """A flight page: what the worker was doing, then its last words."""
    doing = struct.pack("<8Q", 17, 1, 2, 3, 4, 5, 6, 7)
    raw = list(frames) + [0] * (32 - len(frames))
    return doing + struct.pack("<IiiIQII32Q128s512sQ", said, signal, 1, 1, 0x10, overflow, len(frames), *raw, exception,
                               message, anchor)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent / "corpus"
    corpus = {
        "frames": {
            "ready": frame(READY),
            "task": frame(TASK, task(), number=1),
            "raw_task": frame(TASK, task(3, bytes(24)), flags=3, number=2),
            "result": frame(RESULT, result(), flags=1, number=1),
            "results": frame(READY) + b"".join(frame(RESULT, result(i), number=i) for i in range(5)) + frame(STOP),
            "failure": frame(FAILURE, failure(), number=3),
            "garbage": b"segfault at 0x10\n",
            "huge": frame(RESULT, length=0xffffffff),
            "in_file": frame(RESULT, length=100000, body=1),
            "cut": frame(RESULT, result(), number=1)[:-3],
            "bad_kind": frame(READY) + frame(99),
        },
        "flight_page": {
            "empty": b"",
            "signal": page(1),
            "frames": page(2, frames=(0x1000, 0x2000, 0xffffffffffffffff)),
            "exception": page(2, signal=6, exception=b"std::runtime_error", message=b"the cat ate it"),
            "ones": b"\xff" * 4096,
            "many": page(2, frames=range(32), anchor=0x7000, message=b"x" * 512, exception=b"y" * 128),
            "overflow": page(1, overflow=1),
        },
    }
    for name, files in corpus.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes((b"\5" if name == "frames" else b"") + content)


if __name__ == "__main__":
    main()
