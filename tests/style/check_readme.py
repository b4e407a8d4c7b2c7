#!/usr/bin/env python3
"""Checks that what the README tells people to type works, and that its links lead somewhere.

Lines of sh, bash and console blocks are taken as commands (in console blocks those that begin with "$ "):
  steward ... or build/release/bin/steward ...   is run; "# exit 3" behind it says which exit code is right, 0 otherwise
  ./scripts/NAME ...                             must be there and answer --help
  cmake --preset NAME                            must name a preset
Other commands are not judged. Commands run in a scratch folder that mirrors the tree, so that files they write are gone.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TIME_LIMIT_SECONDS = 120
BLOCK = re.compile(r"^```(sh|bash|console)\n(.*?)^```", re.S | re.M)
FENCED = re.compile(r"^```.*?^```", re.S | re.M)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
PROGRAM = re.compile(r"(?:^|[\s|;&])(?:\./)?(?:build/release/bin/)?steward\s")
SCRIPT = re.compile(r"^(?:\./)?(scripts/[\w.-]+)")
PRESET = re.compile(r"^cmake\b.*--preset[ =](\S+)")
EXIT = re.compile(r"#.*\bexit (\d+)")


def commands(readme):
    for kind, block in BLOCK.findall(readme):
        for line in block.replace("\\\n", " ").splitlines():
            line = line.strip()
            if kind == "console":
                if not line.startswith("$ "):
                    continue
                line = line[2:]
            if line and not line.startswith("#"):
                yield line


def mirror(root, scratch, program):
    for entry in root.iterdir():
        if entry.name not in ("build", ".git"):
            (scratch / entry.name).symlink_to(entry)
    folder = scratch / "build/release/bin"
    folder.mkdir(parents=True)
    (folder / "steward").symlink_to(program)
    return folder


def run_program(line, scratch, folder):
    wanted = EXIT.search(line)
    wanted = int(wanted.group(1)) if wanted else 0
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    try:
        result = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=scratch, env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=TIME_LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{line}: not done after {TIME_LIMIT_SECONDS} s"
    if result.returncode != wanted:
        return f"{line}: exit code {result.returncode} instead of {wanted}\n{result.stdout[-2000:]}"
    return None


def check_script(name, root):
    script = root / name
    if not os.access(script, os.X_OK):
        return f"{name}: there is no such program"
    if subprocess.run([str(script), "--help"], capture_output=True, timeout=TIME_LIMIT_SECONDS).returncode != 0:
        return f"{name}: does not answer --help"
    return None


def check_preset(name, root):
    presets = json.loads((root / "CMakePresets.json").read_text())
    if name not in [preset["name"] for preset in presets["configurePresets"]]:
        return f"cmake --preset {name}: there is no such preset"
    return None


def faults_of(readme_path, program):
    root = readme_path.parent
    readme = readme_path.read_text(encoding="utf-8")
    for target in LINK.findall(FENCED.sub("", readme)):  # brackets in code are no links
        if "://" not in target and not (root / target).exists():
            yield f"link to {target}: there is no such file"
    judged = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = mirror(root, Path(scratch), program)
        for line in commands(readme):
            script, preset = SCRIPT.match(line), PRESET.match(line)
            if script:
                fault = check_script(script.group(1), root)
            elif preset:
                fault = check_preset(preset.group(1), root)
            elif PROGRAM.search(line + " "):
                fault = run_program(line, Path(scratch), folder)
            else:
                continue
            judged += 1
            if fault:
                yield fault
    if judged == 0:
        yield "no command to check; is the README still about this program?"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", type=Path, required=True)
    parser.add_argument("--program", type=Path, required=True, help="the steward to run")
    options = parser.parse_args()
    if not options.readme.is_file():
        print(f"{options.readme}: there is no README")
        return 1
    faults = list(faults_of(options.readme.resolve(), options.program.resolve()))
    for fault in faults:
        print(f"README: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
