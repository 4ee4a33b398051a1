"""Serves one aiomas agent: `server.py CODEC [--place HOST|PATH] [--certs DIR]`.

It listens at a free port of HOST (127.0.0.1 unless told otherwise), or at the unix socket PATH, with the certificate in
DIR. Prints `READY URL` first, then serves until its standard input closes or SIGTERM comes.
"""
import argparse
import asyncio
import os
import signal
import sys
import threading

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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("codec", choices=sorted(peer.CODECS))
    parser.add_argument("--place", default="127.0.0.1")
    parser.add_argument("--certs")
    arguments = parser.parse_args()
    codec = peer.codec_named(arguments.codec)
    peer.run(serve(codec, arguments.place, peer.certs_in(arguments.certs)))


if __name__ == "__main__":
    main()
