"""What only running daemons tell: the vocabulary of `help` on the socket, and the metrics that are really exposed."""
import json
import sys

from pages import DAEMONS, TREE

sys.path.insert(0, str(TREE / "tests" / "process"))
from harness import Control, Site  # noqa: E402


def fields(rows):
    return ", ".join(f"{row['name']}{'' if row['required'] else '?'}:{row['type']}" for row in rows)


def vocabulary(control):
    lines = ["greeting " + " ".join(control.greeting["caps"])]
    for row in control.ask("help"):
        lines.append(f"{row['command']}({fields(row['arguments'])}) -> {fields(row['reply'])}\n    {row['help']}")
    return "\n".join(lines) + "\n"


def metrics(control):
    """Names, kinds and help of the exposition; values and build facts differ from run to run."""
    text = control.ask("metrics")["text"]
    return "".join(line + "\n" for line in text.splitlines() if line.startswith("#"))


def live_texts():
    texts = {}
    with Site() as site:
        for name in DAEMONS:
            control = Control(site.path(f"{name}.sock"))
            texts[f"{name}.socket"] = vocabulary(control)
            texts[f"{name}.metrics"] = metrics(control)
            control.close()
    return texts


if __name__ == "__main__":
    json.dump(live_texts(), sys.stdout, indent=1)
