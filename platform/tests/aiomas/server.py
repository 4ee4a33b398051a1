"""Serves one aiomas agent: `server.py CODEC [--place HOST|PATH] [--certs DIR] [--manager]`.

It listens at a free port of HOST (127.0.0.1 unless told otherwise), or at the unix socket PATH, with the certificate in
DIR. Prints `READY URL` first, then serves until its standard input closes or SIGTERM comes. With `--manager` the agent is
aiomas's own Manager, on an external clock at -1, and ends the process when it is told to stop.
"""
import argparse
import asyncio
import os
import signal
import sys
import threading

import aiomas
import aiomas.subproc

import peer


async def serve(codec, place, certs):
    container = await peer.container(codec, place, certs)
    agent = peer.Peer(container)
    loop = asyncio.get_event_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def wait_for_end_of_input():
        # Not through sys.stdin: the interpreter aborts if it ends while a thread holds the lock of that.
        while os.read(0, 4096):
            pass
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait_for_end_of_input, daemon=True).start()
    print("READY %s" % agent.addr, flush=True)
    await stop.wait()


async def manage(codec):
    """As `aiomas.subproc.start()` does, on a port that is told."""
    port = peer.free_port("127.0.0.1")
    clock = aiomas.ExternalClock("2014-01-01T00:00:00", init_time=-1)
    print("READY tcp://127.0.0.1:%d/0" % port, flush=True)
    await aiomas.subproc.start(("127.0.0.1", port), clock=clock, codec=codec)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codec", choices=sorted(peer.CODECS))
    parser.add_argument("--place", default="127.0.0.1")
    parser.add_argument("--certs")
    parser.add_argument("--manager", action="store_true")
    arguments = parser.parse_args()
    codec = peer.codec_named(arguments.codec)
    if arguments.manager:
        peer.run(manage(codec))
        return
    peer.run(serve(codec, arguments.place, peer.certs_in(arguments.certs)))


if __name__ == "__main__":
    main()
