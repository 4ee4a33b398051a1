"""Calls an agent as an aiomas program does: `client.py CODEC URL [--place HOST|PATH] [--certs DIR]`.

Its own container, which the agent calls back, is at a free port of HOST (127.0.0.1 unless told otherwise), or at the
unix socket PATH, with the certificate in DIR.

The agent has the methods of `Peer` in `peer.py`. Prints `OK <n> checks`, or every mismatch in plain words and
exits with 1.
"""
import argparse
import asyncio
import math
import struct
import sys

import arrow

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
    arrow.get("2013-05-05T12:30:45.123456+00:00"), arrow.get("2025-01-01T00:00:00+05:30"), arrow.get("0001-01-01"),
    [arrow.get("9999-12-31T23:59:59.999999")], {"when": {"from": arrow.get("2020-02-29T23:00:00-11:00")}},
]


def nested(levels):
    value = "innermost"
    for level in range(levels):
        value = [value] if level % 2 else {"k": value}
    return value


VALUES.append(nested(100))

MSGPACK = [
    # Bytes, and keys of any kind.
    b"", b"\x00\xff", bytes(range(256)), b"\x80" * 70000, {"data": [b"\x01", b""]}, {1: "a", -7: "b", 2**40: {3: 4}},
]

VALUES_ONLY = {
    # Integers without end; keys of maps are texts.
    "JSON": [2**64, -2**63 - 1, 10**40, -10**400],
    "MsgPack": MSGPACK,
    # The same values; and what fills several blocks of a chunk.
    "MsgPackBlosc": MSGPACK + [
        [("meter", i % 50, i * 0.25) for i in range(60000)], b"parish moot " * 300000, b"\x00" * 5000000,
    ],
}


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
    if isinstance(a, arrow.Arrow):
        return a.isoformat() == b.isoformat()
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


async def check_arguments(agent, codec_name, checks):
    checks.that(await agent.add(1, 2) == 3, "add(1, 2) must be 3")
    checks.that(await agent.add(a=1, b=2) == 3, "add(a=1, b=2) must be 3")
    checks.that(await agent.add(b=2, a=1) == 3, "add(b=2, a=1) must be 3")
    checks.that(await agent.add(1, b=2) == 3, "add(1, b=2) must be 3")
    checks.that(await agent.math.mul(6, 7) == 42, "math.mul(6, 7) must be 42")
    checks.that(await agent.math.mul(b=6, a=-7) == -42, "math.mul(b=6, a=-7) must be -42")
    checks.that(await agent.echo(value="by name") == "by name", "echo(value=...) must give the value back")
    for n in (0, 1, 300, 5 * 10**6):
        values = (bytes(range(256)) * (n // 256 + 1))[:n]
        big = await agent.big(n)
        fine = big == (list(values) if codec_name == "JSON" else values)
        checks.that(fine, "big(%d) must be as many values, in bytes where the codec has them", n)
    text = "\u00fc\"x" * 10**6
    checks.that(await agent.echo(text) == text, "a text of some 5 MB must come back")
    date = arrow.get("2013-05-05T12:30:45.123456+05:30")
    for seconds in (0, 1, -1.25, 86400.5, 10**6):
        checks.that(same(await agent.date_add(date, seconds), date.shift(seconds=seconds)),
                    "date_add(.., %r) must be as many seconds later", seconds)


async def check_any_arguments(agent, checks):
    for args, kwargs in (((), {}), ((1, "two", [3]), {}), ((), {"a": None, "b": {"c": 1.5}}), ((1,), {"k": 2})):
        told = await agent.describe(*args, **kwargs)
        checks.that(same(told["args"], args) and same(told["kwargs"], kwargs),
                    "describe(%s, %s) gave %s", short(args), short(kwargs), short(told))


async def check_proxies(container, agent, checks):
    """Objects as arguments and results: here and there both are called, also while the first call is pending."""
    me = peer.Peer(container)
    for value in (1, "x", [arrow.get("2020-01-01")], {"k": [None]}):
        checks.that(same(await agent.via_proxy(me, value), value), "via_proxy(me, %s) must come back", short(value))
        checks.that(same(await agent.call_back(me.addr, value), value), "call_back(%s) must come back", short(value))
    itself, math_object = await agent.get_self(), await agent.get_math()
    checks.that(await itself.echo("to a proxy") == "to a proxy", "the proxy of get_self() must answer")
    checks.that(await itself.math.mul(6, 7) == 42, "the object beneath the proxy of get_self() must answer")
    checks.that(await math_object.mul(6, 7) == 42, "the proxy of get_math() must answer")
    again = await asyncio.gather(*[agent.via_proxy(me, i) for i in range(100)])
    checks.that(again == list(range(100)), "100 calls through a proxy at once: each must get its own reply")
    await checks.fails(agent.via_proxy(me.math, 1), "LookupError: ", "via_proxy() with an object that has no echo")
    await checks.fails(agent.call_back(me.addr[:-1] + "9", 1), "", "call_back() to an agent that is not there")


async def check_failures(agent, codec_name, checks):
    await checks.fails(agent.no_such_method(), 'LookupError: Name "no_such_method" not found in "agents/0"',
                       "an unknown method")
    await checks.fails(agent.math.no_such_method(1),
                       'LookupError: Name "no_such_method" not found in "agents/0/math"',
                       "an unknown path below the agent")
    await checks.fails(agent.hidden(), 'LookupError: "', "a method that is not exposed")
    try:
        await agent.hidden()
    except RemoteException as error:
        checks.that(str(error).endswith('Peer.hidden" is not exposed\n'), "hidden() must say why: %s", error)
    if codec_name == "JSON":
        # Python's own JSON has texts that are no Unicode; MsgPack has none.
        try:
            await agent.echo(["fine", "\ud800"])
        except RemoteException:
            pass
    checks.that(await agent.echo("\ufffd") == "\ufffd", "after a text that is no Unicode the link must still serve")
    await checks.fails(agent.date_add("no date", 1), "", "date_add() of a text")
    await checks.fails(agent.add(1), "TypeError: ", "add(1), an argument too few")
    await checks.fails(agent.add(1, 2, 3), "TypeError: ", "add(1, 2, 3), an argument too many")
    await checks.fails(agent.add(1, c=2), "TypeError: ", "add(1, c=2), an unknown name")
    await checks.fails(agent.add(1, a=2), "TypeError: ", "add(1, a=2), an argument given twice")
    await checks.fails(agent.add([], {}), "TypeError: ", "add([], {}), arguments of the wrong type")
    await checks.fails(agent.fail("on purpose"), "ValueError: on purpose", "fail('on purpose')")
    await checks.fails(agent.fail("Gr\u00fc\u00dfe \U0001f33b"), "ValueError: Gr\u00fc\u00dfe \U0001f33b", "fail(unicode)")
    await checks.fails(agent.fail(""), "ValueError", "fail('')")
    try:
        await agent.fail("two\nlines")
    except RemoteException as error:
        checks.that(str(error).endswith("ValueError: two\nlines\n"), "fail() with two lines: %r", str(error))
        checks.that("/" not in str(error).split("\n", 1)[1] or "aiomas" in str(error),
                    "an exception must not tell a path: %r", str(error))
    checks.that(await agent.add(20, 22) == 42, "after failures the link must still serve calls")


async def check_many_at_once(agent, checks):
    sums = await asyncio.gather(*[agent.add(i, i * i) for i in range(1000)])
    checks.that(sums == [i + i * i for i in range(1000)], "1,000 calls at once: each must get its own reply")
    pauses = await asyncio.gather(*[agent.slow(0.5 + i / 10**4) for i in range(1000)])
    checks.that(pauses == [0.5 + i / 10**4 for i in range(1000)], "1,000 slow calls at once must all end")
    mixed = await asyncio.gather(*[agent.fail(str(i)) if i % 2 else agent.echo(i) for i in range(1000)],
                                 return_exceptions=True)
    fine = all(isinstance(r, RemoteException) and str(r).rstrip().endswith("ValueError: %d" % i) if i % 2
               else r == i for i, r in enumerate(mixed))
    checks.that(fine, "1,000 calls at once, every second fails: each must get its own reply")
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


async def run(codec_name, url, place, certs):
    codec = peer.codec_named(codec_name)
    checks = Checks()
    container = await peer.container(codec, place, certs)
    agent = await container.connect(url, timeout=10)
    await check_arguments(agent, codec_name, checks)
    await check_any_arguments(agent, checks)
    await check_proxies(container, agent, checks)
    await check_values(agent, codec_name, checks)
    await check_failures(agent, codec_name, checks)
    await check_many_at_once(agent, checks)
    await check_connecting(container, url, checks)
    # A second container is a second link to the same agent.
    second = await (await peer.container(codec, certs=certs)).connect(url)
    checks.that(await second.add(1, 1) == 2 and await agent.add(1, 2) == 3, "two links at once must both serve")
    return checks


def tell(checks, codec_name, url):
    """Prints what came of the checks; exits with 1 where some have failed."""
    for text in checks.wrong:
        print("MISMATCH %s" % text, file=sys.stderr)
    if checks.wrong:
        raise SystemExit("%d of %d checks failed (%s, %s)" % (len(checks.wrong), checks.done, codec_name, url))
    print("OK %d checks: %s calls %s with %s" % (checks.done, peer.description(), url, codec_name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codec", choices=sorted(peer.CODECS))
    parser.add_argument("url")
    parser.add_argument("--place", default="127.0.0.1")
    parser.add_argument("--certs")
    arguments = parser.parse_args()
    codec_name, url = arguments.codec, arguments.url
    try:
        checked = run(codec_name, url, arguments.place, peer.certs_in(arguments.certs))
        checks = peer.run(asyncio.wait_for(checked, DEADLINE_SECONDS))
    except asyncio.TimeoutError:
        raise SystemExit("%s, %s: no end after %d s; the peer owes a reply" % (codec_name, url, DEADLINE_SECONDS))
    except (ConnectionError, RuntimeError) as error:
        raise SystemExit("%s, %s: the link broke: %r" % (codec_name, url, error))
    tell(checks, codec_name, url)


if __name__ == "__main__":
    main()
