#!/usr/bin/env python3
"""What every program promises on its command line: help, version, completion, -t on the shipped examples, and clear refusals."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from pages import DAEMONS, PROGRAMS, TREE, commands_of, printed, program  # noqa: E402

EXAMPLES = TREE / "examples" / "quickstart"
faults = []
checks = 0


def run(name, *arguments, **options):
    return subprocess.run([program(name), *map(str, arguments)], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, **options)


def check(good, what, done=None):
    global checks
    checks += 1
    if not good:
        faults.append(what + (f"\n  exit {done.returncode}\n  out: {done.stdout[-400:]}\n  err: {done.stderr[-800:]}" if done else ""))


def refused(code, sentence, name, *arguments, **options):
    """Exit status and the whole of standard error are as documented, and nothing is on standard output."""
    done = run(name, *arguments, **options)
    wanted = sentence if isinstance(sentence, str) else "\n".join(sentence)
    check(done.returncode == code and done.stderr == wanted + "\n" and not done.stdout, f"{name} {' '.join(map(str, arguments))}: expected {code}: {wanted}", done)


def check_help_and_version():
    for name in PROGRAMS:
        for words in [[], *[command.split() for command in commands_of(name)]]:
            done = run(name, *words, "--help")
            check(done.returncode == 0 and done.stdout and not done.stderr, f"{name} {' '.join(words)} --help", done)
        done = run(name, "--version")
        check(done.returncode == 0 and done.stdout.startswith(name + " ") and done.stdout.count("\n") == 1, f"{name} --version", done)


def check_completion():
    with tempfile.TemporaryDirectory() as folder:
        for shell in ("bash", "zsh", "fish"):
            check(shutil.which(shell) is not None, f"{shell} is not installed")
            for name in PROGRAMS:
                script = pathlib.Path(folder) / f"{name}.{shell}"
                script.write_text(printed(name, "completion", shell))
                check(name in script.read_text() and "--help" in script.read_text() or shell == "fish", f"{name} completion {shell} names neither program nor option")
                if shutil.which(shell):
                    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, timeout=60)
                    check(done.returncode == 0 and not done.stderr, f"{shell} -n does not accept the completion of {name}", done)


def bash_completes(name, line, wanted):
    """What bash offers after `line`, with the script loaded as a person would load it."""
    words = line.split(" ")
    script = f"""
{printed(name, "completion", "bash")}
COMP_WORDS=({' '.join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}
how=$(complete -p {name}); function=${{how#*-F }}; ${{function%% *}} {name} '{words[-1]}' '{words[-2]}'
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    offered = [word.strip() for word in done.stdout.splitlines()]
    check(wanted in offered, f"bash completion of '{line}': expected {wanted} among {offered}", done)


@contextlib.contextmanager
def quickstart_folder():
    """The files that the quickstart's configuration names: secrets, certificate, directories."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for directory in ("registrar", "locate"):
            (folder / directory).mkdir()
        for secret in ("nonce.secret", "token.secret"):
            (folder / secret).write_text("0123456789abcdef0123456789abcdef\n")
            (folder / secret).chmod(0o600)
        for certificate in ("edge", "other"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                            "-keyout", f"{certificate}.key", "-out", f"{certificate}.pem"], cwd=folder, check=True, capture_output=True, timeout=60)
        yield folder


def check_examples():
    with quickstart_folder() as folder:
        for name in DAEMONS:
            file = EXAMPLES / f"{name}.conf"
            done = run(name, "-t", "-c", file, cwd=folder)
            check(done.returncode == 0 and done.stdout == f"{file}: configuration OK\n" and not done.stderr, f"{name} -t -c {file.name}", done)
            check_bad_keys(name, folder)
        check_bad_files(folder)


def check_bad_keys(name, folder):
    bad = folder / "bad.conf"
    text = (EXAMPLES / f"{name}.conf").read_text()
    bad.write_text(text + "frobnicate = 1\nno equals sign here\n")
    line = text.count("\n") + 1
    refused(78, [f"bad.conf:{line}: frobnicate: expected a known key, got frobnicate", f"bad.conf:{line + 1}: no: expected key = value, got no equals sign here"],
            name, "-t", "-c", "bad.conf", cwd=folder)
    done = run(name, "-c", "bad.conf", cwd=folder)
    check(done.returncode == 78 and f"bad.conf:{line}: frobnicate: " in done.stderr, f"{name} starts with an unknown key", done)


def check_bad_files(folder):
    edge = EXAMPLES / "sbc-edge.conf"
    done = run("sbc-edge", "-t", "-c", edge, "--set", "private-key=other.key", cwd=folder)
    check(done.returncode == 78 and "other.key: this private key does not belong" in done.stderr, "a key that does not fit its certificate", done)
    done = run("sbc-edge", "-t", "-c", edge, "--set", "certificate=absent.pem", cwd=folder)
    check(done.returncode == 78 and "certificate: expected " in done.stderr and "absent.pem" in done.stderr, "an absent certificate", done)
    (folder / "token.secret").chmod(0o644)
    done = run("sbc-edge", "-t", "-c", edge, cwd=folder)
    check(done.returncode == 78 and "token-secret-file: expected " in done.stderr, "a secret that others may read", done)
    refused(71, f"conf-locate: control socket {folder}/absent/x.sock: the directory {folder}/absent does not exist",
            "conf-locate", "-c", EXAMPLES / "conf-locate.conf", "--set", f"control=unix:{folder}/absent/x.sock", cwd=folder)


def check_refusals():
    for name in PROGRAMS:
        hint = f"; try '{name} --help'"
        refused(64, f"{name}: '--frobnicate' was not expected{hint}", name, "--frobnicate")
        refused(64, f"{name}: 'frobnicate' is not a command{hint}", name, "frobnicate")
        refused(64, f"{name}: completion: expected bash, zsh or fish, got tcsh", name, "completion", "tcsh")
    for name in DAEMONS:
        refused(78, f"{name}: /nonexistent.conf: No such file or directory", name, "-c", "/nonexistent.conf")
        refused(69, f"{name}: /nonexistent.sock: the daemon is not running (No such file or directory)", name, "status", "-S", "/nonexistent.sock")
        refused(78, f"{name}: /nonexistent.conf: No such file or directory", name, "status", "-c", "/nonexistent.conf")
        refused(64, f"{name}: --log-format: expected logfmt or json, got xml" if name == "conf-locate" else f"{name}: --json goes with a command",
                *((name, "-c", EXAMPLES / "conf-locate.conf", "--set", f"state={tempfile.gettempdir()}", "--log-format", "xml") if name == "conf-locate" else (name, "--json")))
    # Two arguments, each with a value of its own.
    for command in ("mute", "unmute", "kick"):
        refused(69, "conf-bridge: /nonexistent.sock: the daemon is not running (No such file or directory)", "conf-bridge", command, "1234", "2", "-S", "/nonexistent.sock")
        refused(64, f"conf-bridge: {command} needs MEMBER; try 'conf-bridge --help'", "conf-bridge", command, "1234")
        refused(64, "conf-bridge: '3' was not expected; try 'conf-bridge --help'", "conf-bridge", command, "1234", "2", "3")
    refused(64, "conf-locate: '--passcode' was not expected; try 'conf-locate --help'", "conf-locate", "conference", "add", "1", "--passcode", "99")
    refused(64, "sip-probe: notauri: expected udp:HOST[:PORT], tcp:…, tls:… or a SIP URI", "sip-probe", "ping", "notauri")


check_help_and_version()
check_completion()
bash_completes("conf-locate", "conf-locate conference a", "add")
bash_completes("sip-registrar", "sip-registrar us", "user")
bash_completes("conf-bridge", "conf-bridge --con", "--config")
check_examples()
check_refusals()
for fault in faults:
    print("FAIL", fault)
print(f"{checks - len(faults)} of {checks} checks passed")
sys.exit(1 if faults else 0)
