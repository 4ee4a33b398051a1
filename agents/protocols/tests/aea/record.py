"""Records what AEA writes and reads: `record.py SPEC FILE`, or `record.py --check SPEC FILE`.

The file: `#` starts a comment. `> JSON` is a message, and the line after it, `= HEX`, its bytes by AEA with the entries
of maps in order, which AEA writes in any. `~ HEX` are broken bytes, and the line after it, `= JSON`, how AEA reads
them, or `!` where it refuses. `--check` records anew and compares.
"""
import json
import platform
import sys

import google.protobuf
import peer
from samples import Samples

BROKEN = 400


def lines(spec):
    protocol = peer.Protocol(spec)
    name = spec.split("/")[-1]
    of = f"CPython {platform.python_version()}, protobuf {google.protobuf.__version__}"
    yield f"# Messages of {name}: aea 1.2.5 on {of}."
    yield "# Written by agents/protocols/tests/aea/record.py: `.ci/live record` makes it anew, the live lane compares."
    encoded = []
    for sample in Samples(protocol).all(each=3):
        encoded.append(protocol.sorted_maps(protocol.encode(sample)))
        yield "> " + json.dumps(sample)
        yield "= " + encoded[-1].hex()
        if '"ct"' in json.dumps(sample):
            # What is wrong within a custom type is found by who knows it.
            encoded.pop()
    for wrong in Samples(protocol, seed=2).broken(encoded, BROKEN):
        yield "~ " + wrong.hex()
        try:
            yield "= " + json.dumps(peer.without_order(protocol.decode(wrong)))
        except Exception:  # Whatever AEA raises, it refuses.
            yield "!"


def main():
    peer.quiet()
    check, spec, name = sys.argv[1] == "--check", sys.argv[-2], sys.argv[-1]
    text = "\n".join(lines(spec)) + "\n"
    if not check:
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        return 0
    with open(name, encoding="utf-8") as file:
        same = [line for line in file.read().split("\n") if line[:1] != "#"] == [
            line for line in text.split("\n") if line[:1] != "#"
        ]
    print(f"{name}: " + ("as AEA writes it" if same else "AEA writes otherwise: run `.ci/live record`"))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
