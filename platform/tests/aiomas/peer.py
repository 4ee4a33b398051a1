"""One aiomas container with one agent, "0": the peer that the scripts beside this file serve and call.

aiomas is used as released, nothing in it is changed. The agent has the methods that Folkmoot's example
`interop_aiomas` has, so that `client.py` runs against either.
"""
import asyncio
import os
import platform
import socket

import aiomas

AIOMAS_VERSION = "2.0.1"

CODECS = {"JSON": aiomas.JSON, "MsgPack": aiomas.MsgPack, "MsgPackBlosc": aiomas.MsgPackBlosc}


def codec_named(name):
    """The aiomas codec class called `name`; exits with the known names if there is none."""
    try:
        return CODECS[name]
    except KeyError:
        raise SystemExit("unknown codec %r: use one of %s" % (name, ", ".join(sorted(CODECS))))


def description():
    """Names package, version and interpreter in one line."""
    return "aiomas %s on %s %s" % (
        AIOMAS_VERSION, platform.python_implementation(), platform.python_version())


class Math:
    """A service below the agent: its paths are `agents/0/math/...`."""

    router = aiomas.rpc.Service()

    @aiomas.expose
    def mul(self, a, b):
        return a * b


class Peer(aiomas.Agent):
    """The agent that is called."""

    router = aiomas.rpc.Service(["math"])

    def __init__(self, container):
        self.math = Math()
        super().__init__(container)

    @aiomas.expose
    def echo(self, value):
        """Gives `value` back."""
        return value

    @aiomas.expose
    def add(self, a, b):
        """Adds two numbers."""
        return a + b

    @aiomas.expose
    def fail(self, message):
        """Always raises `ValueError: message`."""
        raise ValueError(message)

    @aiomas.expose
    async def call_back(self, url, value):
        """Connects to the agent at `url` and gives what its `echo(value)` gives."""
        agent = await self.container.connect(url)
        return await agent.echo(value)

    @aiomas.expose
    def big(self, n):
        """The values `i % 256` for all `i` below `n`: bytes where the codec has them."""
        values = (bytes(range(256)) * (n // 256 + 1))[:n]
        return list(values) if getattr(self.container, "peer_codec", None) is aiomas.JSON else values

    @aiomas.expose
    async def slow(self, seconds):
        """Gives `seconds` back after as many seconds of the container's clock; other calls go on meanwhile."""
        clock = self.container.clock
        # AsyncioClock.sleep() fails on CPython 3.10 and later.
        await (clock.sleep(seconds) if isinstance(clock, aiomas.ExternalClock) else asyncio.sleep(seconds))
        return seconds

    @aiomas.expose
    async def via_proxy(self, proxy, value):
        """Calls the `echo` of an object of the caller's, over the same connection, while the caller waits."""
        return await proxy.echo(value)

    @aiomas.expose
    def get_self(self):
        """A proxy to this agent."""
        return self

    @aiomas.expose
    def get_math(self):
        """A proxy to its object."""
        return self.math

    @aiomas.expose
    def describe(self, *args, **kwargs):
        """Tells what it was called with."""
        return {"args": args, "kwargs": kwargs}

    @aiomas.expose
    def date_add(self, date, seconds):
        """The date that many seconds later."""
        return date.shift(seconds=seconds)

    def hidden(self):
        """Not exposed: a call to it must fail."""
        return "never"


def free_port(host):
    """A free TCP port of loopback. aiomas cannot pick one: with port 0 its URLs say 0."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


def certs_in(folder):
    """The certificate in a node's folder, where `folkmoot certs issue` has put it; none for no folder."""
    if folder is None:
        return None
    return aiomas.SSLCerts(*[os.path.join(folder, name) for name in ("ca.pem", "cert.pem", "key.pem")])


async def container(codec, place="127.0.0.1", certs=None, **more):
    """Starts a container at `place`: the path of a unix socket, or a host, on a free port there.

    Another process may take the port first, then another one is tried.
    """
    for _ in range(20):
        address = place if place.startswith("/") else (place, free_port(place))
        try:
            made = await aiomas.Container.create(address, codec=codec, ssl=certs, as_coro=True, **more)
        except OSError as error:
            last = error
        else:
            made.peer_codec = codec
            return made
    raise SystemExit("found no free port to listen on: %s" % last)


def run(coroutine):
    """Runs `coroutine` to its end in a fresh loop and gives its result.

    The loop is left as it is: aiomas' own tasks complain when cancelled, and Container.shutdown() fails on
    CPython 3.10 and later, so the end of the process is what closes the links.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(coroutine)
