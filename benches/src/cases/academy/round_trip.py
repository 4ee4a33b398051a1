"""An agent of Academy's, or a program that asks it, over the exchange server at a URL.

    round_trip.py answers URL     says `ready`, and answers
    round_trip.py asks URL        says `ready`; for each number read, asks so often, one after the other, and says how long each took, in ns
"""

import asyncio
import logging
import sys
import time

from academy.agent import Agent, action
from academy.exchange import HttpExchangeFactory
from academy.handle import Handle
from academy.runtime import Runtime


class Echo(Agent):
    @action
    async def echo(self, number: int) -> int:
        return number


async def answers(url: str) -> None:
    factory = HttpExchangeFactory(url)
    async with await factory.create_user_client(start_listener=False) as user:
        registration = await user.register_agent(Echo)
    runtime = Runtime(Echo(), exchange_factory=factory, registration=registration)
    print("ready", flush=True)
    await runtime.run_until_complete()


async def asks(url: str) -> None:
    loop = asyncio.get_running_loop()
    async with await HttpExchangeFactory(url).create_user_client() as user:
        (echo,) = await user.discover(Echo)
        handle = Handle(echo)
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            began = time.perf_counter_ns()
            for number in range(int(line)):
                assert await handle.echo(number) == number
            print((time.perf_counter_ns() - began) / int(line), flush=True)


logging.disable(logging.CRITICAL)
asyncio.run({"answers": answers, "asks": asks}[sys.argv[1]](sys.argv[2]))
