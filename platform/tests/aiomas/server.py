"""Serves one aiomas agent: `server.py CODEC`.

Prints `READY tcp://127.0.0.1:PORT/0` first, then serves until its standard input closes or SIGTERM comes.
"""
import asyncio
import os
import signal
import sys
import threading

import peer


async def serve(codec):
    container = await peer.container(codec)
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


def main():
    if len(sys.argv) != 2:
        raise SystemExit("usage: server.py CODEC")
    peer.run(serve(peer.codec_named(sys.argv[1])))


if __name__ == "__main__":
    main()
