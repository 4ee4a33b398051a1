"""Drives a Manager as a program of aiomas does: `manager.py CODEC URL [--certs DIR]`.

The Manager spawns agents as in `peer_server.py`, on an external clock that stands at -1. Ends it with `stop()`. Prints
`OK <n> checks`, or every mismatch in plain words and exits with 1.
"""
import argparse
import asyncio

import client
import peer

FACTORY = "peer_server:make_peer"


async def spawn(container, manager, checks):
    """Two agents: by the proxy that came, and by the URL."""
    first, url = await manager.spawn(FACTORY)
    checks.that(await first.echo([1, "two"]) in ([1, "two"], (1, "two")), "the proxy of spawn() must answer")
    checks.that(await first.math.mul(6, 7) == 42, "the object beneath the proxy of spawn() must answer")
    second, other = await manager.spawn(FACTORY)
    checks.that(url != other and url.rsplit("/", 1)[0] == other.rsplit("/", 1)[0],
                "two agents of one container must have two URLs: %r, %r", url, other)
    connected = await container.connect(other)
    checks.that(await connected.add(1, 2) == 3, "connect() to the URL of spawn() must lead to the agent")
    me = peer.Peer(container)
    checks.that(await second.via_proxy(me, "back") == "back", "a spawned agent must call back")
    for args in (("peer_server:no_such_factory",), ("nonsense",), (5,), ()):
        await checks.fails(manager.spawn(*args), "", "spawn%r" % (args,))
    return first, second


async def set_time(manager, first, second, checks):
    """The agents' sleeps end when the clock is set to their time or beyond."""
    await manager.set_time(0)
    short, long = asyncio.ensure_future(first.slow(5)), asyncio.ensure_future(second.slow(900))
    await first.echo("both calls have arrived")
    await second.echo("both calls have arrived")
    await manager.set_time(4.5)
    await first.echo("what was due has run")
    checks.that(not short.done() and not long.done(), "at 4.5 neither sleep may have ended")
    await manager.set_time(5)
    checks.that(await short == 5, "at 5 the sleep until 5 must end")
    checks.that(not long.done(), "at 5 the sleep until 900 may not have ended")
    for time in (5, 4, -1):
        await checks.fails(manager.set_time(time), "ValueError: Time must be > 5 but is %d" % time, "set_time(%d)" % time)
    await manager.set_time(3600)
    checks.that(await long == 900, "at 3600 the sleep until 900 must have ended")


async def run(codec_name, url, certs):
    checks = client.Checks()
    container = await peer.container(peer.codec_named(codec_name), certs=certs)
    manager = await container.connect(url, timeout=10)
    first, second = await spawn(container, manager, checks)
    await set_time(manager, first, second, checks)
    await manager.stop()
    return checks


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codec", choices=sorted(peer.CODECS))
    parser.add_argument("url")
    parser.add_argument("--certs")
    arguments = parser.parse_args()
    checking = run(arguments.codec, arguments.url, peer.certs_in(arguments.certs))
    client.tell(peer.run(asyncio.wait_for(checking, client.DEADLINE_SECONDS)), arguments.codec, arguments.url)


if __name__ == "__main__":
    main()
