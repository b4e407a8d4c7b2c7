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
    return struct.pack("<Q", len(value)) + value


def task(count=1, arguments=b"\7\0\0\0\0\0\0\0", name=b"square"):
    return struct.pack("<III", 1, 3, count) + text(name) + arguments


def result(item=0, count=1, results=b"\x31\0\0\0\0\0\0\0"):
    return struct.pack("<QQQ", 1234, item, count) + results


def failure(item=0):
    return struct.pack("<QQ", 1234, item) + text(b"std::runtime_error") + text(b"the cat ate it")


def page(said, signal=11, frames=(), anchor=0, message=b"", exception=b"", overflow=0):
    """A flight page: what the worker was doing, then its last words."""
    doing = struct.pack("<7Q", 17, 1, 3, 4, 5, 6, 7)
    raw = list(frames) + [0] * (32 - len(frames))
    return doing + struct.pack("<IiiIQII32Q128s512sQ", said, signal, 1, 1, 0x10, overflow, len(frames), *raw, exception,
                               message, anchor)


NODE = b"n" * 24  # of the peer
GREETING, TELL, ASK, ANSWER, RELEASE, WATCH, ENDED, EXIT = range(1, 9)


def link(kind, content=b"", target=0, sender=0, number=0, length=None):
    size = len(content) if length is None else length
    return struct.pack("<IB3xQQQ", size, kind, target, sender, number) + content


def message(*values):
    """Values as (name of the type, its bytes)."""
    names = b"".join(bytes([len(name)]) + name for name, _ in values)
    return bytes([len(values)]) + names + b"".join(value for _, value in values)


def atom(name):
    """As CAF 0.17 packs up to ten characters in 64 bits."""
    alphabet = " 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
    number = 0xF
    for letter in name:
        number = number << 6 | alphabet.index(letter)
    return b"@atom", struct.pack(">Q", number)


def handle(number):
    return struct.pack(">Q", number) + atom("default")[1] + NODE


def error(code=3):
    return bytes([code]) + atom("system")[1] + b"\0\0\3@<>"


def linked(*frames):
    return link(GREETING, NODE, number=1) + b"".join(frames)


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
        "link": {
            "tell": linked(link(TELL, message(atom("add"), (b"@i64", struct.pack(">q", 7))), target=2)),
            "ask": linked(link(ASK, message(atom("get"), (b"@str", b"\5hello")), target=2, sender=3, number=1)),
            "list": linked(link(TELL, message((b"@strvec", b"\2\3one\3two")), target=2)),
            "answer": linked(link(ANSWER, message((b"@i64", bytes(8))), number=1)),
            "error": linked(link(ANSWER, message((b"@error", error())), number=1)),
            "handle": linked(link(TELL, message((b"@actor", handle(9))), target=2)),
            "address": linked(link(TELL, message((b"@addr", handle(9)), (b"@strong_actor_ptr", handle(9))), target=2)),
            "several": linked(link(WATCH, target=2), link(RELEASE, target=2, number=1),
                              link(ENDED, message((b"@error", error())), target=2)),
            "exit": linked(link(EXIT, message((b"@error", error())), target=2)),
            "control": linked(link(TELL, message((b"@exit", handle(9) + error())), target=2)),
            "within": linked(link(TELL, message((b"@message", b"\0\0\7@<>+@i64" + bytes(8))), target=2)),
            "bytes": linked(link(TELL, message((b"@bytebuf", b"\xff\x7f" + bytes(40))), target=2)),
            "announced": linked(link(TELL, length=100000000, target=2)),
            "not_greeted": link(TELL, message(atom("add")), target=2),
        },
    }
    for name, files in corpus.items():
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in files.items():
            (folder / file).write_bytes((b"" if name == "flight_page" else b"\5") + content)


if __name__ == "__main__":
    main()
