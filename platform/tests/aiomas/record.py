"""Records what aiomas writes: `record.py CODEC FILE`, or `record.py --check CODEC FILE`.

A real aiomas client calls a real aiomas container through a proxy that keeps every byte. The calls are a fixed
list, one after the other, so a recording is the same each time, and all codecs hold the same messages
up to the line `# only with ...`. `--check` records anew and compares the frames with those in FILE.

The file: `#` starts a comment; every other line is one frame, `> HEX` from the client or `< HEX` from the server,
with its four length bytes.
"""
import asyncio
import gc
import linecache
import os
import struct
import sys
import types

import arrow

import peer

HEADER_BYTES = 4

# What `echo` is called with, in all codecs.
VALUES = [
    None, True, False,
    0, 1, -1, 23, 24, 31, 32, 127, 128, -32, -33, -128, -129, 255, 256, 32767, 32768, -32768, -32769,
    65535, 65536, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32 - 1, 2**32, 2**53, 2**53 + 1,
    2**63 - 1, -2**63, 2**63, 2**64 - 1,
    0.0, -0.0, 1.0, 0.1, -1.5, 1 / 3, 1e16, 1e22, 1e23, 5e-324, 2.2250738585072014e-308, sys.float_info.max,
    float("inf"), float("-inf"), float("nan"),
    "", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "quote \" backslash \\ slash / tab \t line \n nul \0 del \x7f",
    "Gr\u00fc\u00dfe", "\u65e5\u672c\u8a9e", "\U0001f33b sun", "\u2028\u2029",
    [], [1], [1, 2.0, "three", None, True], list(range(15)), list(range(16)), [[[[]]]],
    {}, {"a": 1}, {"b": [1, {"c": None}], "": {}}, {"k%d" % i: i for i in range(15)}, {"k%d" % i: i for i in range(16)},
    # On the wire a date is the map {"__type__": [0, TEXT]}.
    arrow.get("2013-05-05T12:30:45.123456+00:00"), [arrow.get("2025-01-01T00:00:00+01:00")],
]

# Beyond what all can write.
VALUES_ONLY = {
    "JSON": [2**64, -2**63 - 1, 10**40, {1: "int", 2.5: "float", None: "none", False: "bool"}],
    "MsgPack": [b"", b"\x00\xff", bytes(range(256)), {1: "int", -7: "int"}, {"data": b"\x01"}],
    # What becomes shorter: aiomas compresses from 128 bytes on.
    "MsgPackBlosc": [b"", b"\x00\xff", {1: "int", -7: "int"}, "x" * 200, [[0.5, "parish"]] * 30,
                     ["meter %d" % (i % 7) for i in range(300)], list(range(1000)), b"\x00\x01" * 1000],
}

# (path, args, kwargs): calls that succeed in other ways, and calls that fail.
CALLS = [
    ("agents/0/add", (1, 2), {}),
    ("agents/0/add", (), {"a": 1, "b": 2}),
    ("agents/0/add", (1,), {"b": 2.5}),
    ("agents/0/math/mul", (6, 7), {}),
    ("agents/0/fail", ("on purpose",), {}),
    ("agents/0/fail", ("Gr\u00fc\u00dfe",), {}),
    ("agents/0/fail", ("two\nlines",), {}),
    ("agents/0/fail", ("",), {}),
    ("agents/0/add", (1,), {}),
    ("agents/0/add", (1, 2, 3), {}),
    ("agents/0/add", (), {"a": 1, "c": 2}),
    ("agents/0/add", (1, "two"), {}),
    ("agents/0/nothing", (), {}),
    ("agents/0/hidden", (), {}),
    ("agents/9/echo", (1,), {}),
    ("agents/0", (), {}),
    ("/agents/0/echo", (1,), {}),
    ("", (), {}),
    # What a Folkmoot container says first: to aiomas it is a name like any other, and an unknown one.
    ("folkmoot/hello", (), {}),
    ("folkmoot/hello", ({"versions": [1], "name": "spiffe://demo/node/a"},), {}),
]


class Recorder:
    """A TCP proxy for one link that keeps the frames of both directions in the order they passed."""

    def __init__(self, target):
        self.target = target
        self.lines = []

    async def start(self):
        server = await asyncio.start_server(self.link, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def link(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection(*self.target)
        await asyncio.gather(self.copy(">", reader, up_writer), self.copy("<", up_reader, writer))

    async def copy(self, direction, reader, writer):
        try:
            while True:
                header = await reader.readexactly(HEADER_BYTES)
                frame = header + await reader.readexactly(struct.unpack("!L", header)[0])
                self.lines.append("%s %s" % (direction, frame.hex()))
                writer.write(frame)
        except asyncio.IncompleteReadError:
            writer.close()


def hide_places():
    """Makes tracebacks name files without the folders of this machine.

    Exceptions cross the wire as traceback texts. The names of files in them are the only thing changed, and
    before aiomas writes them, so what is recorded is what aiomas wrote.
    """
    here, package = os.path.dirname(os.path.abspath(__file__)), os.path.dirname(peer.aiomas.__file__)
    for function in [f for f in gc.get_objects() if isinstance(f, types.FunctionType)]:
        path = function.__code__.co_filename
        for folder, shown in ((here, ""), (package, "aiomas/")):
            if os.path.dirname(os.path.abspath(path)) == folder:
                name = shown + os.path.basename(path)
                function.__code__ = placed(function.__code__, name)
                # So that tracebacks still quote the lines of a file that has no such name.
                lines = linecache.getlines(path)
                linecache.cache[name] = (sum(map(len, lines)), None, lines, name)


def placed(code, name):
    """`code` and all code inside it, as if it came from the file `name`."""
    inner = tuple(placed(c, name) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_filename=name, co_consts=inner)


async def record(codec_name):
    """Makes all calls and returns the lines of the recording, without its header."""
    codec = peer.codec_named(codec_name)
    server = await peer.container(codec)
    agent = peer.Peer(server)
    host_port = tuple(agent.addr[len("tcp://"):].split("/")[0].rsplit(":", 1))
    recorder = Recorder(host_port)
    client = await peer.container(codec)
    port = await recorder.start()
    lines = recorder.lines

    proxy = await client.connect("tcp://127.0.0.1:%d/0" % port)
    try:
        await client.connect("tcp://127.0.0.1:%d/9" % port)
        raise SystemExit("an agent that does not exist was found")
    except ConnectionError:
        pass
    channel = proxy._channel

    async def call(content, note):
        lines.append("# %s" % note)
        try:
            await channel.send(content)
        except peer.aiomas.RemoteException:
            pass

    for path, args, kwargs in CALLS:
        await call((path, args, kwargs), "%s args=%r kwargs=%r" % (path, args, kwargs))
    await call(("agents/0/echo", (1,), 3), "agents/0/echo, its keyword arguments are no map")
    for value in VALUES:
        await call(("agents/0/echo", (value,), {}), "echo %r" % (value,))
    lines.append("# only with %s" % codec_name)
    for value in VALUES_ONLY[codec_name]:
        await call(("agents/0/echo", (value,), {}), "echo %r" % (value,))
    return lines


def header(codec_name):
    return [
        "# Frames of a real link between two containers, codec %s: %s." % (codec_name, peer.description()),
        "# Written by platform/tests/aiomas/record.py: `just record` makes it anew, the live lane compares it.",
        "# `> HEX` is a frame from the client, `< HEX` one from the server, each with its four length bytes.",
        "# Connecting: is there an agent 0, is there an agent 9",
    ]


def frames(lines):
    return [line for line in lines if not line.startswith("#")]


def check(codec_name, path, lines):
    """Compares the frames of `lines` with those in the file; exits with the first difference."""
    with open(path, encoding="utf-8") as file:
        text = file.read().splitlines()
    kept, made = frames(text), frames(lines)
    for number, (old, new) in enumerate(zip(kept, made)):
        if old != new:
            raise SystemExit("%s: frame %d is not what aiomas writes\n  file:   %s\n  aiomas: %s"
                             % (path, number, old, new))
    if len(kept) != len(made):
        raise SystemExit("%s: holds %d frames, aiomas wrote %d" % (path, len(kept), len(made)))
    print("OK %d frames in %s are what %s writes with %s"
          % (len(made), os.path.basename(path), peer.description(), codec_name))


def main():
    args = sys.argv[1:]
    checking = args[:1] == ["--check"]
    args = args[1:] if checking else args
    if len(args) != 2:
        raise SystemExit("usage: record.py [--check] CODEC FILE")
    codec_name, path = args
    hide_places()
    made = peer.run(asyncio.wait_for(record(codec_name), 60))
    if checking:
        check(codec_name, path, made)
        return
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(header(codec_name) + made) + "\n")


if __name__ == "__main__":
    main()
