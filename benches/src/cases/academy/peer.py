"""Academy's own server over memory, as its command starts it, on a free port: says where it listens."""

import asyncio
import logging

from academy.exchange.cloud.app import create_app
from aiohttp import web


async def main() -> None:
    logging.disable(logging.CRITICAL)
    runner = web.AppRunner(create_app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print("127.0.0.1:%d" % site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
