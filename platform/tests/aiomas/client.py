"""Calls an agent as an aiomas program does: `client.py CODEC tcp://HOST:PORT/AGENT`.

The agent has the methods of `Peer` in `peer.py`. Prints `OK <n> checks`, or every mismatch in plain words and
exits with 1.
"""
import asyncio
import math
import struct
import sys

import peer

from aiomas import RemoteException

# Against an endless wait only: no check depends on how fast it is.
DEADLINE_SECONDS = 120

VALUES = [
    None, True, False,
    0, 1, -1, 127, 128, -32, -33, -128, -129, 255, 256, 65535, 65536, -32768, -32769,
    2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32 - 1, 2**32, 2**53 + 1, 2**63 - 1, -2**63, 2**63, 2**64 - 1,
    0.0, -0.0, 1.0, 0.1, 0.1 + 0.2, 1 / 3, math.pi, 1e16, 1e22, 1e23, 9007199254740993.0, 5e-324,
    2.2250738585072011e-308, 2.2250738585072014e-308, sys.float_info.max, -sys.float_info.max,
    float("inf"), float("-inf"), float("nan"),
    "", "a", "x" * 31, "x" * 32, "x" * 255, "x" * 256, "x" * 65535, "x" * 65536,
    "quote \" backslash \\ slash / tab \t line \n nul \0 del \x7f", "Gr\u00fc\u00dfe", "\u65e5\u672c\u8a9e",
    "\U0001f33b", "e\u0301 \u00e9", "\u2028\ufeff\uffff",
    [], [1], [1, 2.0, "three", None, True, [4, [5, []]]], list(range(15)), list(range(16)), list(range(70000)),
    {}, {"a": 1}, {"": {"": {}}}, {"z": 1, "a": [1, {"c": None}], "\u00fc": -0.0},
    {"k%d" % i: i / 7 for i in range(16)},
]

VALUES_ONLY = {
    # Integers without end; keys of maps are texts.
    "JSON": [2**64, -2**63 - 1, 10**40, -10**400],
    # Bytes, and keys of any kind.
    "MsgPack": [b"", b"\x00\xff", bytes(range(256)), b"\x80" * 70000, {"data": [b"\x01", b""]}, {1: "a", -7: "b"}],
}
# The same values; and what fills several blocks of a chunk.
VALUES_ONLY["MsgPackBlosc"] = VALUES_ONLY["MsgPack"] + [
    [("meter", i % 50, i * 0.25) for i in range(60000)], b"parish moot " * 300000, b"\x00" * 5000000,
]


class Checks:
    """Counts what was checked and keeps what was wrong."""

    def __init__(self):
        self.done = 0
        self.wrong = []

    def that(self, fine, text, *args):
        self.done += 1
        if not fine:
            self.wrong.append(text % args)

    async def fails(self, call, line, what):
        """Awaits `call`, which must raise a RemoteException whose text ends with a line that starts as `line`."""
        try:
            result = await call
        except RemoteException as error:
            last = str(error).rstrip("\n").rsplit("\n", 1)[-1]
            self.that(last.startswith(line), "%s: the last line must start with %r, it is %r", what, line, last)
        else:
            self.that(False, "%s: must fail with %r, it gave %s", what, line, short(result))


def short(value):
    text = repr(value)
    return text if len(text) <= 100 else "%s... (%d characters)" % (text[:100], len(text))


def same(a, b):
    """Equal in type and value; floats bit by bit. A tuple equals a list: MsgPack gives tuples for both."""
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return set(a) == set(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float):
        return (math.isnan(a) and math.isnan(b)) or struct.pack("!d", a) == struct.pack("!d", b)
    return a == b


async def check_values(agent, codec_name, checks):
    for value in VALUES + VALUES_ONLY[codec_name]:
        try:
            back = await agent.echo(value)
        except RemoteException as error:
            checks.that(False, "echo(%s) failed:\n%s", short(value), error)
        else:
            checks.that(same(value, back), "echo(%s) gave %s", short(value), short(back))


async def check_arguments(agent, checks):
    checks.that(await agent.add(1, 2) == 3, "add(1, 2) must be 3")
    checks.that(await agent.add(a=1, b=2) == 3, "add(a=1, b=2) must be 3")
    checks.that(await agent.add(b=2, a=1) == 3, "add(b=2, a=1) must be 3")
    checks.that(await agent.add(1, b=2) == 3, "add(1, b=2) must be 3")
    checks.that(await agent.math.mul(6, 7) == 42, "math.mul(6, 7) must be 42")
    checks.that(await agent.math.mul(b=6, a=-7) == -42, "math.mul(b=6, a=-7) must be -42")
    checks.that(await agent.echo(value="by name") == "by name", "echo(value=...) must give the value back")
    for n in (0, 1, 2**20):
        checks.that(await agent.big(n) == "x" * n, "big(%d) must be as many x", n)


async def check_failures(agent, checks):
    await checks.fails(agent.no_such_method(), "LookupError: ", "an unknown method")
    await checks.fails(agent.math.no_such_method(1), "LookupError: ", "an unknown path below the agent")
    await checks.fails(agent.add(1), "TypeError: ", "add(1), an argument too few")
    await checks.fails(agent.add(1, 2, 3), "TypeError: ", "add(1, 2, 3), an argument too many")
    await checks.fails(agent.add(1, c=2), "TypeError: ", "add(1, c=2), an unknown name")
    await checks.fails(agent.add(1, a=2), "TypeError: ", "add(1, a=2), an argument given twice")
    await checks.fails(agent.add([], {}), "TypeError: ", "add([], {}), arguments of the wrong type")
    await checks.fails(agent.fail("on purpose"), "RuntimeError: on purpose", "fail('on purpose')")
    await checks.fails(agent.fail("Gr\u00fc\u00dfe \U0001f33b"), "RuntimeError: Gr\u00fc\u00dfe \U0001f33b", "fail(unicode)")
    checks.that(await agent.add(20, 22) == 42, "after failures the link must still serve calls")


async def check_many_at_once(agent, checks):
    sums = await asyncio.gather(*[agent.add(i, i * i) for i in range(200)])
    checks.that(sums == [i + i * i for i in range(200)], "200 calls at once: each must get its own reply")
    mixed = await asyncio.gather(*[agent.fail(str(i)) if i % 2 else agent.echo(i) for i in range(200)],
                                 return_exceptions=True)
    fine = all(isinstance(r, RemoteException) and str(r).rstrip().endswith("RuntimeError: %d" % i) if i % 2
               else r == i for i, r in enumerate(mixed))
    checks.that(fine, "200 calls at once, every second fails: each must get its own reply")
    slow = asyncio.ensure_future(agent.slow(1.0))
    checks.that(await agent.echo("meanwhile") == "meanwhile" and not slow.done(),
                "a slow call must not hold up the next one")
    checks.that(await slow == 1.0, "slow(1.0) must give 1.0 back")


async def check_connecting(container, url, checks):
    """Every connect() below goes over the link that is open already, as aiomas does it."""
    base = url.rsplit("/", 1)[0]
    try:
        await container.connect(base + "/no-such-agent")
    except ConnectionError as error:
        checks.that("does not exist" in str(error), "connect() to an unknown agent: %s", error)
    else:
        checks.that(False, "connect() to an unknown agent must fail")
    agent = await container.connect(url)
    checks.that(await agent.echo(1) == 1, "the same agent, connected again, must answer")


async def run(codec_name, url):
    codec = peer.codec_named(codec_name)
    checks = Checks()
    container = await peer.container(codec)
    agent = await container.connect(url, timeout=10)
    await check_arguments(agent, checks)
    await check_values(agent, codec_name, checks)
    await check_failures(agent, checks)
    await check_many_at_once(agent, checks)
    await check_connecting(container, url, checks)
    # A second container is a second link to the same agent.
    second = await (await peer.container(codec)).connect(url)
    checks.that(await second.add(1, 1) == 2 and await agent.add(1, 2) == 3, "two links at once must both serve")
    return checks


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: client.py CODEC tcp://HOST:PORT/AGENT")
    codec_name, url = sys.argv[1:]
    try:
        checks = peer.run(asyncio.wait_for(run(codec_name, url), DEADLINE_SECONDS))
    except asyncio.TimeoutError:
        raise SystemExit("%s, %s: no end after %d s; the peer owes a reply" % (codec_name, url, DEADLINE_SECONDS))
    except (ConnectionError, RuntimeError) as error:
        raise SystemExit("%s, %s: the link broke: %r" % (codec_name, url, error))
    for text in checks.wrong:
        print("MISMATCH %s" % text, file=sys.stderr)
    if checks.wrong:
        raise SystemExit("%d of %d checks failed (%s, %s)" % (len(checks.wrong), checks.done, codec_name, url))
    print("OK %d checks: %s calls %s with %s" % (checks.done, peer.description(), url, codec_name))


if __name__ == "__main__":
    main()
