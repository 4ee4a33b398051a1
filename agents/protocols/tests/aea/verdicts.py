"""Records which specifications AEA accepts: `verdicts.py FILE`, or `verdicts.py --check FILE`.

A case is a specification with pieces of its text taken out and others put in, by chance but the same each time, or with one of
`pieces.py` at its end. Each line of the file is one: `accepted` or `refused`, then a JSON list of the specification's name and its edits, each `[from, to, text]` in
characters, made one after the other. `--check` records anew and compares.
"""
import atexit
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile

from aea.configurations.base import ProtocolSpecification
from aea.configurations.loader import ConfigLoader
from aea.helpers.io import open_file
from aea.protocols.generator.validate import validate

from pieces import PIECES

HERE = os.path.dirname(os.path.abspath(__file__))
SPECIFICATIONS = ["tests/fixtures/every_type.yaml", "src/shipped/fipa.yaml", "src/shipped/default.yaml"]
EACH = 500

VALUES = [
    "yes", "No", "on", "~", "null", "", "1", "1.0", "1.0.0", "0x1f", "1:30", "2001-01-01", "2001-13-01", "[]", "{}", "[a]", "{a}",
    "''", "'a'", '"a\\n"', "a b", "x-y", "_x", "x_", "x__y", "9x", "é", "<<", "=", "!!str 1", "!!int a", "! 1", "!x y", "&a b", "*a",
    "self", "target", "performative", "_body", "sender", "class", "|", ">", "'1.0.0-rc.1'", "'>=1, <2'", "'1'", "'==1.0'", "'>=1 '",
    "a/b:1.0.0", "a/b:any", "a/b", ".5", "-.inf", "0o7", "+12_3", "@a", "%a", "a: b", "a # b", "- a",
]
TYPES = [
    "pt:int", " pt:int", "'pt:int '", "pt:double", "pt:set[pt:int]", "pt:set[pt:int,]", "pt:set[ pt:int ]", "pt:set[ct:Query]", "ct:Query",
    "ct:query", "ct:Que_ry", "pt:list[pt:int, ...]", "pt:list[...]", "pt:list[]", "pt:list[pt:int", "pt:list pt:int]", "pt:dict[pt:str]",
    "pt:dict[pt:str,pt:int]", "pt:dict[pt:float, pt:int]", "pt:dict[pt:str, pt:int, pt:int]", "pt:union[pt:int]",
    "pt:union[pt:int, pt:int]", "pt:union[pt:set[pt:int], pt:set[ pt:int]]", "pt:union[pt:set[pt:int]x, pt:int]",
    "pt:union[pt:set[pt:int] pt:int]", "pt:union[pt:int, pt:optional[pt:str]]", "pt:optional[pt:optional[pt:int]]",
    "pt:optional[pt:union[pt:int, pt:str]]", "pt:optional[pt:union[pt:int, ct:Query]]", "pt:optional[pt:int, pt:str]", "pt:optional",
    "pt:union[a][b,c]", "pt:union[pt:dict[pt:str, pt:int], pt:dict[pt:str, pt:str]]", "FrozenSet[int]", "pt:list[pt:list[pt:int]]",
]
CHARACTERS = list(" :-[]{}'\"#&*!|>%@`,\t\n_0aZ=<~é\\/?") + ["\n\n", "---\n", "...\n", "\n  ", ": ", "- ", "\r\n", "\u2028", "\ufeff", "\x07"]


SCRATCH = tempfile.mkdtemp(prefix="folkmoot-")
atexit.register(shutil.rmtree, SCRATCH)


def refuse_slowly(signum, frame):
    raise TimeoutError


def accepted(text):
    path = os.path.join(SCRATCH, "specification.yaml")
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    loader = ConfigLoader("protocol-specification_schema.json", ProtocolSpecification)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        with open_file(path, encoding="utf-8") as file:
            return validate(loader.load_protocol_specification(file))[0]
    except TimeoutError:
        # AEA's patterns take exponential time for some names; nobody waits for that.
        return None
    except Exception:  # Whatever AEA raises, it refuses.
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def edit(text, chance):
    """One edit, as [from, to, text]."""
    kind = chance.randrange(6)
    if kind == 0:
        at = chance.randrange(len(text))
        return [at, at + chance.choice([0, 0, 1, 1, 2]), chance.choice(CHARACTERS)]
    if kind == 1:
        types = list(re.finditer(r"(pt|ct):[a-zA-Z]+(\[.*\])?(?=\n)", text))
        if types:
            found = chance.choice(types)
            return [found.start(), found.end(), chance.choice(TYPES)]
    words = list(re.finditer(r"[\w.'/:><=]+", text))
    if kind in (2, 3) and words:
        found = chance.choice(words)
        return [found.start(), found.end(), chance.choice(VALUES + [word.group() for word in chance.sample(words, 3)])]
    lines = list(re.finditer(r".*\n", text))
    if not lines:
        return [0, 0, "a"]
    one, other = chance.choice(lines), chance.choice(lines)
    if kind == 4:
        return [one.start(), one.end(), ""]
    return [one.start(), one.start(), other.group()]


def read(path):
    with open(os.path.join(HERE, "..", "..", path), encoding="utf-8", newline="") as file:
        return file.read()


def cases():
    """Each as the path of its specification, its edits, and its text."""
    chance = random.Random(1)
    for path in SPECIFICATIONS:
        whole = read(path)
        for _ in range(EACH):
            text, edits = whole, []
            for _ in range(chance.choice([1, 1, 1, 2])):
                edits.append(edit(text, chance))
                text = text[: edits[-1][0]] + edits[-1][2] + text[edits[-1][1] :]
            yield path, edits, text
    path = "src/shipped/fipa.yaml"
    whole = read(path)
    end = whole.rindex("...\n")
    for piece in PIECES:
        yield path, [[end, len(whole), piece + "\n"]], whole[:end] + piece + "\n"


def lines():
    yield "# Which specifications aea 1.2.5 accepts, written by agents/protocols/tests/aea/verdicts.py."
    yield "# `.ci/live record` makes it anew, the live lane compares it."
    for path, edits, text in cases():
        verdict = accepted(text)
        if verdict is not None:
            name = os.path.basename(path)[: -len(".yaml")]
            yield ("accepted " if verdict else "refused ") + json.dumps([name] + edits)


def main():
    signal.signal(signal.SIGALRM, refuse_slowly)
    name = sys.argv[-1]
    text = "\n".join(lines()) + "\n"
    if sys.argv[1] != "--check":
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    with open(name, encoding="utf-8") as file:
        same = file.read() == text
    print(f"{name}: " + ("as AEA judges" if same else "AEA judges otherwise: run `.ci/live record`"))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
