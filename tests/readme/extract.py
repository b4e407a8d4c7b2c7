#!/usr/bin/env python3
"""Writes each C++ program of a page, a fenced block with a main, to a file of its own, and prints their paths.

usage: extract.py PAGE DIR [--lines N]
A program of N lines or more, blank ones not counted, is an error: what people see first is to be short.
Exit code: 0; 1 when there is no program or one is too long.
"""

import argparse
import re
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--lines", type=int, default=0)
    options = parser.parse_args()
    blocks = re.findall(r"^```cpp\n(.*?)^```$", options.page.read_text(encoding="utf-8"), re.S | re.M)
    programs = [block for block in blocks if "int main(" in block]
    if not programs:
        print(f"{options.page}: no program", file=sys.stderr)
        return 1
    options.dir.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(programs, 1):
        lines = sum(1 for line in text.splitlines() if line.strip())
        if options.lines and lines >= options.lines:
            print(f"{options.page}: program {number} has {lines} lines; expected fewer than {options.lines}", file=sys.stderr)
            return 1
        target = options.dir / f"program_{number}.cpp"
        if not target.exists() or target.read_text(encoding="utf-8") != text:  # else all would be built anew
            target.write_text(text, encoding="utf-8")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
