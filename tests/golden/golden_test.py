#!/usr/bin/env python3
"""Manual pages, help, example files, socket vocabulary and metrics are what the programs print, and README names what is there.

`tests/golden/regenerate` takes a wanted change over."""
import difflib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
import live  # noqa: E402
import pages  # noqa: E402

faults = []


def compare(name, expected, got):
    if expected != got:
        difference = "".join(difflib.unified_diff(expected.splitlines(True), got.splitlines(True), f"{name} (in the tree)", f"{name} (printed)"))
        faults.append(f"{name} differs:\n{difference}")


def check_pages():
    found = pages.pages()
    names = {page.name for page in found}
    wanted = {f"{name}.8" for name in pages.DAEMONS} | {"sip-probe.1", "confab.conf.5", "confab-socket.7"}
    if names != wanted:
        faults.append(f"manual pages: expected {sorted(wanted)}, got {sorted(names)}")
    for page in found:
        text = page.read_text()
        compare(page.name, text, pages.with_fragments(page, text))
        if page.name not in ("confab.conf.5",) and not pages.FRAGMENT.search(text):
            faults.append(f"{page.name} has no generated part")
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], capture_output=True, text=True)
        if lint.returncode != 0 or lint.stdout:
            faults.append(f"mandoc does not like {page.name}:\n{lint.stdout}{lint.stderr}")


def check_texts():
    texts = {**pages.golden_texts(), **live.live_texts()}
    present = {path.name for path in pages.EXPECTED.iterdir()}
    if present != set(texts):
        faults.append(f"golden files: expected {sorted(texts)}, got {sorted(present)}")
    for name, text in texts.items():
        if name in present:
            compare(name, (pages.EXPECTED / name).read_text(), text)


def check_widths():
    """--help fits a terminal of 80 columns."""
    for path in pages.EXPECTED.glob("*.help"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > 80:
                faults.append(f"{path.name}:{number}: {len(line)} columns")


def check_readme():
    """Every path that README names exists, and every function that it names after a file is in that file."""
    text = (pages.TREE / "README.md").read_text()
    for path in re.findall(r"`((?:common|tools|tests|examples|man)/[^`*\s]+)", text):
        if not (pages.TREE / path).exists():
            faults.append(f"README.md: {path} does not exist")
    for path, names in re.findall(r"`((?:common|tools)/[^`]+\.cpp)`: ((?:`[a-z_]+`(?:, | and )?)+)", text):
        source = (pages.TREE / path).read_text() if (pages.TREE / path).exists() else ""
        for name in re.findall(r"`([a-z_]+)`", names):
            if not re.search(rf"\b{name}\(", source):
                faults.append(f"README.md: {path} has no {name}")


check_pages()
check_texts()
check_readme()
check_widths()
for fault in faults:
    print(fault)
print(f"{len(faults)} faults")
sys.exit(1 if faults else 0)
