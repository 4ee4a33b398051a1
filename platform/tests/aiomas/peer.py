"""One aiomas container with one agent, "0": the peer that the scripts beside this file serve and call.

aiomas is used as released, nothing in it is changed. The agent has the methods that Folkmoot's example
`interop_aiomas` has, so that `client.py` runs against either.
"""
import asyncio
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
        """Always raises `RuntimeError: message`."""
        raise RuntimeError(message)

    @aiomas.expose
    def big(self, n):
        """A text of `n` times `x`."""
        return "x" * n

    @aiomas.expose
    async def slow(self, seconds):
        """Gives `seconds` back after as many seconds; other calls go on meanwhile."""
        await asyncio.sleep(seconds)
        return seconds

    def hidden(self):
        """Not exposed: a call to it must fail."""
        return "never"


def free_port():
    """A free TCP port of loopback. aiomas cannot pick one: with port 0 its URLs say 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def container(codec):
    """Starts a container on a free port; another process may take the port first, then tries another."""
    for _ in range(20):
        address = ("127.0.0.1", free_port())
        try:
            return await aiomas.Container.create(address, codec=codec, as_coro=True)
        except OSError as error:
            last = error
    raise SystemExit("found no free port to listen on: %s" % last)


def run(coroutine):
    """Runs `coroutine` to its end in a fresh loop and gives its result.

    The loop is left as it is: aiomas' own tasks complain when cancelled, and Container.shutdown() fails on
    CPython 3.10 and later, so the end of the process is what closes the links.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop.run_until_complete(coroutine)
