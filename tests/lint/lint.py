#!/usr/bin/env python3
"""Holds the tree to its layer table: who may include whom, which file is a library's door, and the house rules a machine can check.

    lint.py TREE      prints `file:line: what is wrong` for each finding; exit 1 when there are any
"""
import pathlib
import re
import sys

PURE = ["base", "sip", "sdp", "media", "dns", "config", "local", "metrics"]

# Layer: what it may include besides itself. `core` is everything in tools/<tool> that is not main or shell-side.
LAYERS = {
    "base": [],
    "log": ["base"],
    "sip": ["base"],
    "sdp": ["base"],
    "media": ["base", "sdp"],
    "dns": ["base"],
    "config": ["base"],
    "local": ["base"],
    "metrics": ["base"],
    "io": PURE + ["log"],
    "app": PURE + ["log", "io"],
    "core": PURE,
    "shell": PURE + ["log", "io", "app"],
}

# A foreign library has one door (or a few, each named): header prefix → files that may include it.
DOORS = {
    "osipparser2/": ["common/sip/osip_grammar.cpp", "common/sdp/osip_sdp.cpp"],
    "srtp2/": ["common/media/srtp.cpp"],
    "nettle/": ["common/media/srtp.cpp"],
    "opus": ["common/media/opus.cpp"],
    "spandsp": ["common/media/g722.cpp", "common/media/tones.cpp"],
    "speex/": ["common/media/resample.cpp"],
    "openssl/": ["common/base/hash.cpp", "common/io/tls.cpp", "common/media/srtp.cpp"],
    "boost/json": ["common/local/json.cpp"],
    "boost/asio": [],  # io/loop.cpp is on epoll itself
    "CLI/": ["common/app/command_line.cpp"],
    "sqlite3.h": ["common/io/sqlite.cpp"],
    "unbound.h": ["common/io/resolver.cpp"],
    "sndfile": ["common/io/sound_file.cpp"],
    "spdlog/": ["common/log/log.cpp"],
}

# What a pure file must not contain: clocks, threads, descriptors.
IMPURE = re.compile(r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b|\bstd::(?:thread|jthread|mutex|condition_variable)\b|\bgetenv\b")
IMPURE_HEADERS = {"thread", "mutex", "condition_variable", "fstream", "iostream", "filesystem", "future", "shared_mutex", "unistd.h", "poll.h",
                  "fcntl.h", "csignal", "signal.h", "netdb.h"}
CLOCK = re.compile(r"\b(?:steady_clock|system_clock|high_resolution_clock)::now\b|\bclock_gettime\b|\bgettimeofday\b")
BANNED = re.compile(r"(?:^|_)(?:manager|helper|util|utils|misc|data|info|process)(?:_|$)")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
SLEEP = re.compile(r"sleep_for|sleep_until|\busleep\(|\bnanosleep\(|\btime\.sleep\(")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

HARD_LINES = 600

# Files of a tool that stand on the shell's side. sip-probe is a client: everything but its core and pure nouns drives sockets.
SHELL_STEMS = {"main", "shell", "program", "store", "media_thread", "prompt_library", "studio", "bulk", "user_source", "live_view", "watch"}
PROBE_PURE = {"core", "codecs", "endpoint", "tone", "matrix", "target", "histogram", "alarms", "message_template", "load_users", "load_plan", "load_tally", "load_credentials",
              "load_core", "load_exchange", "load_flood", "callee"}


def layer_of(path):
    parts = path.parts
    if parts[0] == "common":
        return parts[1]
    if parts[0] == "tools":
        if parts[1] == "sip-probe":
            return "core" if path.stem in PROBE_PURE else "shell"
        return "shell" if path.stem in SHELL_STEMS else "core"
    return None


def allowed_door(header, path):
    for prefix, doors in DOORS.items():
        if header.startswith(prefix):
            return str(path) in doors
    return True


def check_include(path, layer, kind, header):
    if not allowed_door(header, path):
        return f"<{header}> may be included only by its door"
    if layer not in ("io", "app", "log", "shell") and header in IMPURE_HEADERS:
        return f"<{header}>: {layer} is pure"
    if layer not in ("io", "media", "base") and header.startswith("sys/"):
        return f"<{header}>: only io talks to the system"
    if kind == "<" or header.endswith(".inc"):
        return None
    top = header.split("/")[0]
    if top in LAYERS and top not in LAYERS[layer] and top != layer:
        return f'"{header}": {layer} may not include {top}'
    if path.parts[0] == "common" and top not in LAYERS:
        return f'"{header}": common never includes tools'
    if path.parts[0] == "tools" and top not in LAYERS:
        if top != path.parts[1]:
            return f'"{header}": one tool never includes another'
        if layer == "core" and layer_of(pathlib.Path("tools") / header) == "shell":
            return f'"{header}": a core never includes its shell'
    return None


def begins_with_prose(lines):
    for line in lines:
        if line.startswith("//"):
            return True
        if line.strip():
            return False
    return False


def check_file(path, text):
    """Findings of one source file: (line, sentence)."""
    findings = []
    layer = layer_of(path)
    lines = text.split("\n")
    if layer not in LAYERS:
        return [(1, f"{path.parts[1]} is not a layer")]
    if len(lines) - 1 > HARD_LINES:
        findings.append((HARD_LINES, f"{len(lines) - 1} lines; the hard stop is {HARD_LINES}"))
    if path.suffix == ".hpp" and not begins_with_prose(lines):
        findings.append((1, "a header begins with prose"))
    if BANNED.search(path.stem):
        findings.append((1, f"{path.name}: a banned word in a name"))
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include:
            wrong = check_include(path, layer, include.group(1), include.group(2))
            if wrong:
                findings.append((number, wrong))
        code = line.split("//")[0]
        if layer in PURE + ["core"] and IMPURE.search(code):
            findings.append((number, f"{layer} is pure: no clock, thread or environment"))
        if layer != "io" and CLOCK.search(code):
            findings.append((number, "only io reads a clock"))
        if SLEEP.search(code):
            findings.append((number, "nothing sleeps"))
        if UNFINISHED.search(line):
            findings.append((number, "unfinished work is not committed"))
    return findings


def check_tests(path, text):
    return [(n, "a test waits for an event with a deadline, it does not sleep")
            for n, line in enumerate(text.split("\n"), 1) if SLEEP.search(line.split("//")[0])]


def top_level(tree):
    known = {"CMakeLists.txt", "tools", "common", "man", "tests", "examples", "README.md", "build"}
    return [f"{entry.name}: the top level is fixed" for entry in tree.iterdir() if not entry.name.startswith(".") and entry.name not in known]


def pages(tree):
    return [f"tools/{tool.name} has no page under man/" for tool in sorted((tree / "tools").iterdir())
            if (tool / "main.cpp").exists() and not list((tree / "man").glob(f"{tool.name}.[158]"))]


def main():
    tree = pathlib.Path(sys.argv[1])
    findings = [f"{sentence}" for sentence in top_level(tree) + pages(tree)]
    for folder in ("common", "tools", "tests"):
        for path in sorted((tree / folder).rglob("*")):
            if path.suffix not in (".cpp", ".hpp", ".py") or "lint" in path.parts:
                continue
            check = check_tests if folder == "tests" else check_file
            short = path.relative_to(tree)
            findings += [f"{short}:{line}: {sentence}" for line, sentence in check(short, path.read_text())]
    print("\n".join(findings) if findings else "lint: nothing found")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
