"""Agents of Academy's own, of whatever release is installed, and Folkmoot's in one process with their exchange.

    python bridge.py INTEROP_ACADEMY     the example of that name

Ends with 0 and a line for each part, or with the first thing that is not as it should be.
"""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version

from academy.agent import Agent, action
from academy.exchange import HttpExchangeFactory
from academy.manager import Manager

RELEASE = version("academy-py")
PATIENCE = 120
READS_JSON = tuple(int(part) for part in RELEASE.split(".")[:2]) >= (0, 5)


class Peer(Agent):
    """What a handle of Folkmoot's calls."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep = 0
        self.woken = 0

    @action
    async def echo(self, value: object) -> object:
        """Returns what it is given."""
        return value

    @action
    async def add(self, amount: int, times: int = 1) -> int:
        """Multiplies."""
        return amount * times

    @action
    async def nothing(self) -> None:
        """Does nothing."""

    @action
    async def fail(self, why: str) -> None:
        """Fails."""
        raise ValueError(why)

    @action
    async def sleep(self, seconds: float) -> None:
        """Sleeps, and counts when it is cancelled."""
        self.asleep += 1
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.woken += 1
            raise
        finally:
            self.asleep -= 1

    @action
    async def sleepers(self) -> int:
        """How many actions sleep."""
        return self.asleep

    @action
    async def cancelled(self) -> int:
        """How many sleeping actions were cancelled."""
        return self.woken


class LoudPeer(Peer):
    """The same, of a type below it."""


class Folkmoot:
    """The example, in a process of its own."""

    @classmethod
    async def start(cls, command: str) -> "Folkmoot":
        self = cls()
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(command, stdin=pipe, stdout=pipe)
        ready = await self.line()
        assert ready[0] == "READY", ready
        self.url = ready[1]
        return self

    async def line(self) -> list[str]:
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        return line.decode().split(maxsplit=1)

    async def does(self, what: str) -> str:
        """Has it make checks, all of which must pass."""
        self.process.stdin.write(f"{what}\n".encode())
        await self.process.stdin.drain()
        outcome = await self.line()
        assert outcome[0] == "PASSED", " ".join(outcome).replace(" | ", "\n  ")
        return outcome[1].strip()

    async def end(self) -> None:
        self.process.stdin.close()
        code = await asyncio.wait_for(self.process.wait(), PATIENCE)
        assert code == 0, f"it ended with {code}"


async def main(command: str) -> None:
    folkmoot = await Folkmoot.start(command)
    try:
        factory = HttpExchangeFactory(folkmoot.url)
        async with await Manager.from_exchange_factory(factory) as manager:
            peer = await manager.launch(LoudPeer)
            verb = "call" if READS_JSON else "old"
            checks = await folkmoot.does(f"{verb} {peer.agent_id.uid}")
            print(f"a handle of Folkmoot's calls an agent of Academy's: {checks} checks")
        await folkmoot.end()
    finally:
        if folkmoot.process.returncode is None:
            folkmoot.process.kill()
    print(f"academy {RELEASE} on {sys.version.split()[0]} and Folkmoot's agents: all well")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
