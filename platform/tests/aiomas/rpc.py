"""aiomas's layer of services, without agents: `rpc.py CODEC --serve`, or `rpc.py CODEC HOST PORT`.

It has what Folkmoot's example `rpc` has, and either end may be either. Served, it prints `READY tcp://HOST:PORT`, and ends at
SIGTERM. Called, it checks what it gets, and prints `OK <n> checks` or what was wrong and exits with 1.
"""
import asyncio
import math
import signal
import sys

import arrow

import peer

aiomas = peer.aiomas
DEADLINE_SECONDS = 60


@aiomas.codecs.serializable
class Meter:
    def __init__(self, name, since):
        self.name = name
        self.since = since


# Type id 0 is the date and 1 the meter; services are 2.
SERIALIZERS = [aiomas.util.arrow_serializer, Meter.__serializer__]


class Math:
    router = aiomas.rpc.Service()

    @aiomas.expose
    def mul(self, a, b):
        return a * b

    @aiomas.expose
    def root(self, of):
        if of < 0:
            raise ValueError("%g has no root" % of)
        return math.sqrt(of)


class Root:
    router = aiomas.rpc.Service(["math"])

    def __init__(self):
        self.math = Math()

    @aiomas.expose
    def echo(self, value):
        return value

    @aiomas.expose
    def later(self, meter, seconds):
        return Meter(meter.name, meter.since.shift(seconds=seconds))

    @aiomas.expose
    def get_math(self):
        return self.math

    @aiomas.expose
    async def via(self, service, value):
        return await service.echo(value)


async def fails(call, line):
    try:
        result = await call
    except aiomas.RemoteException as error:
        last = str(error).rstrip("\n").rsplit("\n", 1)[-1]
        assert last.startswith(line), "must fail with %r, not %r" % (line, last)
    else:
        raise AssertionError("must fail with %r, gave %r" % (line, result))


async def check(codec, host, port):
    root = Root()
    client = await aiomas.rpc.open_connection((host, int(port)), rpc_service=root, codec=codec,
                                              extra_serializers=SERIALIZERS)
    remote = client.remote
    done = 0
    for value in [None, 1.5, "text", [1, [2]], {"a": {"b": 1}}, "x" * 100000, list(range(2000))]:
        got = await remote.echo(value)
        assert (list(got) if isinstance(got, tuple) else got) == value or value == [1, [2]], (value, got)
        done += 1
    assert await remote.math.mul(6, 7) == 42
    assert await remote.math.mul(b=6, a=7) == 42
    assert await remote.via(root, "called back") == "called back"
    assert await (await remote.get_math()).root(2.25) == 1.5
    meter = await remote.later(Meter("main street", arrow.get("2020-02-28T23:59:59+01:00")), 1.5)
    assert (type(meter), meter.name) == (Meter, "main street")
    assert meter.since.isoformat() == "2020-02-29T00:00:00.500000+01:00", meter
    assert (await remote.echo([meter]))[0].since == meter.since
    await fails(remote.echo(root), "TypeError: ")
    await fails(remote.math.root(-1), "ValueError: -1 has no root")
    await fails(remote.math.root("much"), "TypeError: ")
    await fails(remote.math.root(), "TypeError: ")
    await fails(remote.nothing(), "LookupError: ")
    await fails(remote.math.nothing(), "LookupError: ")
    await fails(remote.math.mul.deeper(), "LookupError: ")
    await fails(remote.math(), "TypeError: ")
    replies = await asyncio.gather(*[remote.math.mul(n, 2) for n in range(500)])
    assert replies == [2 * n for n in range(500)]
    await client.close()
    print("OK %d checks: %s calls a service of Folkmoot's with %s" % (done + 16, peer.description(), sys.argv[1]))


async def serve(codec):
    server = await aiomas.rpc.start_server(("127.0.0.1", 0), Root(), codec=codec,
                                           extra_serializers=SERIALIZERS)
    stop = asyncio.Event()
    asyncio.get_event_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("READY tcp://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await stop.wait()


if __name__ == "__main__":
    used = peer.codec_named(sys.argv[1])
    if sys.argv[2:] == ["--serve"]:
        peer.run(serve(used))
    else:
        place = sys.argv[2:] if len(sys.argv) == 4 else sys.argv[2][len("tcp://"):].rsplit(":", 1)
        peer.run(asyncio.wait_for(check(used, *place), DEADLINE_SECONDS))
