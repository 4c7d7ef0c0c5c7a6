"""What the golden test and `regenerate` share: which generated text belongs where, and how to ask a program for it."""
import os
import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
PAGES = TREE / "man"
EXPECTED = pathlib.Path(__file__).resolve().parent / "expected"
DAEMONS = ("sip-registrar", "sip-proxy", "sbc-edge", "conf-bridge", "conf-locate")
PROGRAMS = DAEMONS + ("sip-probe",)

FRAGMENT = re.compile(r'^(\.\\" generated: (?P<part>[a-z-]+)(?: (?P<program>[a-z-]+))?\n)(?P<text>.*?)(^\.\\" end\n)', re.M | re.S)


def program(name):
    return str(pathlib.Path(os.environ["CONFAB_BIN"]) / name)


def printed(name, *arguments):
    """Standard output of a program that must succeed."""
    return subprocess.run([program(name), *arguments], capture_output=True, text=True, check=True, timeout=60).stdout


def with_fragments(page, text):
    """A manual page's text with every generated fragment as the programs print it now."""
    def fresh(match):
        name = match["program"] or page.name.rsplit(".", 1)[0]
        if match["part"] == "mdoc-socket-common":
            name = match["program"] or DAEMONS[0]
        return match[1] + printed(name, "generate", match["part"]) + match[5]
    return FRAGMENT.sub(fresh, text)


def pages():
    return sorted(page for page in PAGES.iterdir() if re.search(r"\.[1-8]$", page.name))


def commands_of(name):
    """The program's commands, from its own list of them."""
    return [command.replace("\\&", "").strip('"') for command in re.findall(r'^\.It Ic ("[^"]+"|\S+)', printed(name, "generate", "mdoc-commands"), re.M)]


def golden_texts():
    """File name under expected/ to the text that the programs print now, without starting a daemon."""
    texts = {}
    for name in PROGRAMS:
        parts = [printed(name, "--help")]
        for command in commands_of(name):
            parts.append(f"\n$ {name} {command} --help\n" + printed(name, *command.split(), "--help"))
        texts[f"{name}.help"] = "".join(parts)
    for name in DAEMONS:
        texts[f"{name}.conf"] = printed(name, "generate", "example")
    return texts
