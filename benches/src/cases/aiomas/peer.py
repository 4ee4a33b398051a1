"""What the benches need of aiomas: an agent that gives back what it gets, and a caller of such an agent.

    peer.py serve CODEC             prints the agent's URL, and serves until its standard input ends
    peer.py drive CODEC URL FLIGHT  reads numbers; makes so many calls, FLIGHT at a time, and prints the nanoseconds
"""
import asyncio
import os
import signal
import socket
import sys
import time

import aiomas

CODECS = {"JSON": aiomas.JSON, "MsgPack": aiomas.MsgPack, "MsgPackBlosc": aiomas.MsgPackBlosc}


class Echo(aiomas.Agent):
    @aiomas.expose
    def echo(self, text):
        return text


async def container(codec):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    return await aiomas.Container.create(address, codec=CODECS[codec], as_coro=True)


async def serve(codec):
    echo = Echo(await container(codec))
    print(echo.addr, flush=True)
    loop = asyncio.get_event_loop()
    await loop.run_in_executor(None, end_of_input)


def end_of_input():
    while os.read(0, 4096):
        pass


async def drive(codec, url, in_flight):
    echo = await (await container(codec)).connect(url)
    text = "x" * 64
    loop = asyncio.get_event_loop()
    while True:
        order = await loop.run_in_executor(None, sys.stdin.readline)
        if not order:
            return
        each = int(order) // in_flight
        began = time.perf_counter()
        await asyncio.gather(*[call(echo, text, each) for _ in range(in_flight)])
        print(int((time.perf_counter() - began) * 1e9), flush=True)


async def call(echo, text, times):
    for _ in range(times):
        if await echo.echo(text) != text:
            raise SystemExit("the echo gave back something else")


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    part, codec = sys.argv[1:3]
    work = serve(codec) if part == "serve" else drive(codec, sys.argv[3], int(sys.argv[4]))
    asyncio.get_event_loop().run_until_complete(work)
    # Container.shutdown() is not needed for that, and the loop's own tasks complain when they are ended.
    os._exit(0)


main()
