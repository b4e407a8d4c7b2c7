#!/usr/bin/env python3
"""Checks that what the README and the pages in docs/ tell people to type works, and that their links lead somewhere.

Lines of sh, bash and console blocks are taken as commands (in console blocks those that begin with "$ "):
  steward ... or build/release/bin/steward ...   is run; "# exit 3" behind it says which exit code is right, 0 otherwise
  ./scripts/NAME ...                             must be there and answer --help
  cmake --preset NAME                            must name a preset
Other commands are not judged. Commands run in a scratch folder that mirrors the tree, one for each page, so that files
they write are gone.

A yaml block whose first line is "# NAME.yaml" is that file of the scratch folder, for all commands of its page. One with
a line "scenario: ..." is a whole scenario, and has to be valid.

Links to files must lead to a file, links to headings to a heading, and the README must lead to each page.
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
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)[^)]*\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.M)
YAML = re.compile(r"^```yaml\n(.*?)^```", re.S | re.M)
FILE_NAME = re.compile(r"# ([\w-]+\.yaml)\n")
SCENARIO = re.compile(r"^scenario:", re.M)
PROGRAM = re.compile(r"(?:^|[\s|;&])(?:\./)?(?:build/release/bin/)?steward\s")
SCRIPT = re.compile(r"^(?:\./)?(scripts/[\w.-]+)")
PRESET = re.compile(r"^cmake\b.*--preset[ =](\S+)")
EXIT = re.compile(r"#.*\bexit (\d+)")


def commands(page):
    for kind, block in BLOCK.findall(page):
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


def anchors_of(page):
    """What headings are linked by, as GitHub makes it."""
    headings = HEADING.findall(FENCED.sub("", page))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(page):
    """(target, file, anchor); brackets in code are no links."""
    for target in LINK.findall(FENCED.sub("", page)):
        if "://" not in target:
            file, _, anchor = target.partition("#")
            yield target, file, anchor


def link_faults(path, page):
    for target, file, anchor in links_of(page):
        leads_to = path.parent / file if file else path
        if not leads_to.exists():
            yield f"link to {target}: there is no such file"
        elif anchor and anchor not in anchors_of(leads_to.read_text(encoding="utf-8")):
            yield f"link to {target}: there is no such heading"


def write_files(page, scratch):
    """The scenarios that the page shows, as files; yields what is wrong with them, and the commands that check them."""
    for number, block in enumerate(YAML.findall(page), 1):
        named = FILE_NAME.match(block)
        name = named.group(1) if named else f"block-{number}-of-the-page.yaml"
        file = scratch / name
        if file.is_symlink():
            yield f"{name} is a name that the tree has taken", None
            continue
        file.write_text(block, encoding="utf-8")
        if SCENARIO.search(block):
            yield None, f"steward validate {name}"


def judge(line, root, scratch, folder):
    """(whether it is a command to judge, what is wrong)"""
    script, preset = SCRIPT.match(line), PRESET.match(line)
    if script:
        return True, check_script(script.group(1), root)
    if preset:
        return True, check_preset(preset.group(1), root)
    if PROGRAM.search(line + " "):
        return True, run_program(line, scratch, folder)
    return False, None


def faults_of(path, root, program):
    page = path.read_text(encoding="utf-8")
    yield from link_faults(path, page)
    judged = 0
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder = mirror(root, scratch, program)
        for fault, line in write_files(page, scratch):
            fault = fault or run_program(line, scratch, folder)
            if fault:
                yield fault
        for line in commands(page):
            is_command, fault = judge(line, root, scratch, folder)
            judged += is_command
            if fault:
                yield fault
    if judged == 0 and path.parent == root:
        yield "no command to check; is the README still about this program?"


def pages_left_out(readme, pages):
    linked = {(readme.parent / file).resolve() for _, file, _ in links_of(readme.read_text(encoding="utf-8"))}
    return [page for page in pages if page.resolve() not in linked]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readme", type=Path, required=True, help="the pages are in docs/ beside it")
    parser.add_argument("--program", type=Path, required=True, help="the steward to run")
    options = parser.parse_args()
    if not options.readme.is_file():
        print(f"{options.readme}: there is no README")
        return 1
    readme = options.readme.resolve()
    root = readme.parent
    pages = sorted((root / "docs").glob("*.md"))
    faults = [f"{page.relative_to(root)}: the README has no link to it" for page in pages_left_out(readme, pages)]
    for path in [readme, *pages]:
        faults += [f"{path.relative_to(root)}: {fault}" for fault in faults_of(path, root, options.program.resolve())]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
