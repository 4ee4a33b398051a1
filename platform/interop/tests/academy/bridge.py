"""Agents of Academy's own, of whatever release is installed, and Folkmoot's in one process with their exchange.

    python bridge.py INTEROP_ACADEMY     the example of that name

Ends with 0 and a line for each part, or with the first thing that is not as it should be.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from importlib.metadata import version

from academy.agent import Agent, action
from academy.exception import MailboxTerminatedError
from academy.exchange import HttpExchangeFactory
from academy.handle import Handle
from academy.identifier import AgentId
from academy.manager import Manager

RELEASE = version("academy-py")
PATIENCE = 120
PEER = "interop.Peer"
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
        self.process = await asyncio.create_subprocess_exec(
            command, stdin=pipe, stdout=pipe, env=os.environ | {"RUST_BACKTRACE": "0"}
        )
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


# Releases up to 0.4 look for classes and not for names.
PeerOfFolkmoot = type("Peer", (Agent,), {"__module__": "interop"})


def handle_of(user, agent_id: AgentId, **how) -> Handle:
    if hasattr(user, "get_handle") and not how:
        return user.get_handle(agent_id)
    return Handle(agent_id, **how)


async def in_time(awaited):
    return await asyncio.wait_for(awaited, PATIENCE)


async def error_of(awaited) -> Exception:
    try:
        result = await in_time(awaited)
    except Exception as error:
        return error
    raise AssertionError(f"no exception, but {result!r}")


async def status_of(user, agent_id: AgentId) -> str:
    return (await user.status(agent_id)).name


async def until(is_so) -> None:
    async def look() -> None:
        while not await is_so():
            await asyncio.sleep(0.05)

    await in_time(look())


async def asks(user, folkmoot: "Folkmoot") -> None:
    """An agent of Folkmoot's is found by its type and asked for all that one can ask for, in JSON."""
    (agent_id,) = await user.discover(PEER)
    assert await user.discover("academy.agent.Agent") == (agent_id,)
    assert await user.discover(PEER, allow_subclasses=False) == ()
    assert await status_of(user, agent_id) == "ACTIVE"
    peer = Handle(agent_id, request_serializer="json")
    assert await in_time(peer.ping()) >= 0
    values = [None, True, False, 0, -1, 2**63, -(2**80), 1.5, 1e300, "", "\u00e4 \u2028 \U0001f600 \n\r\n\"\\"]
    values += [[], [1, [None]], {}, {"k": {"": [1.0]}}, "x" * 100_000, float("inf")]
    for value in values:
        echo = await in_time(peer.echo(value))
        assert echo == value and type(echo) is type(value), (echo, value)
    assert math.isnan(await in_time(peer.echo(math.nan)))
    total = await in_time(peer.add(0))
    assert await in_time(peer.add(2)) == total + 2
    assert await in_time(peer.add(2, times=3)) == total + 8
    assert await in_time(peer.add(times=None, amount=2)) == total + 10
    totals = await in_time(asyncio.gather(*(peer.add(1) for _ in range(100))))
    assert sorted(totals) == list(range(total + 11, total + 111)), totals
    assert await in_time(peer.sleep(0.01)) is None

    for action, arguments, words in [
        ("fail", ("as asked",), ("ValueError: as asked",)),
        ("break_down", (), ("RuntimeError", "as asked")),
        ("ad", (1,), ("AttributeError", "did you mean", "add")),
        ("add", ("x",), ("TypeError", "amount")),
        ("add", (), ("TypeError", "amount")),
        ("add", (1, 2, 3), ("TypeError",)),
        ("letters", (600_000,), ("RuntimeError", "bytes long")),
    ]:
        error = await error_of(peer.action(action, *arguments))
        assert type(error).__name__ == "AcademyRemoteError", error
        assert all(word in str(error) for word in words), (action, error)
    # The panic cost it its state, and nothing else.
    assert await in_time(peer.add(1)) == 1

    error = await error_of(Handle(agent_id, request_serializer="pickle").add(1))
    assert "request_serializer='json'" in str(error), error
    error = await error_of(Handle(agent_id, request_serializer="json", result_serializer="pickle").add(1))
    assert "result_serializer='json'" in str(error), error

    described = await in_time(peer.agent_describe())
    assert described["actions"]["add"]["doc"] == "Adds, and returns the total.", described

    sleeping = asyncio.ensure_future(peer.sleep(60))
    await until(lambda: is_asleep(peer, 1))
    sleeping.cancel()
    await until(lambda: is_asleep(peer, 0))

    await in_time(peer.shutdown(terminate=False))
    # It ends, its mailbox stays, and what comes meanwhile waits for its next life.
    waiting = asyncio.ensure_future(ended_and_begun_again(peer))
    await asyncio.sleep(1)
    await folkmoot.does("spawn")
    assert await in_time(waiting) == 5
    print("an agent of Folkmoot's answers actions, errors, pings, cancels and a shutdown")


async def is_asleep(peer: Handle, count: int) -> bool:
    return await peer.sleepers() == count


async def ended_and_begun_again(peer: Handle) -> int:
    await asyncio.sleep(0.5)
    return await peer.add(5)


async def ends(user, handle: Handle) -> None:
    """Its mailbox ends, as its agent is told, and whoever asks then learns of it."""
    await in_time(handle.shutdown(terminate=True))

    async def is_over() -> bool:
        return await status_of(user, handle.agent_id) == "TERMINATED"

    await until(is_over)
    error = await error_of(handle.ping())
    assert isinstance(error, MailboxTerminatedError), error
    assert await user.discover(PeerOfFolkmoot) == ()
    print("an agent of Folkmoot's is terminated")


async def asks_in_pickles(user) -> None:
    """A client that knows pickles alone is refused in one, and may ask for the rest."""
    (agent_id,) = await user.discover(PeerOfFolkmoot)
    peer = handle_of(user, agent_id)
    assert await in_time(peer.ping()) >= 0
    error = await error_of(peer.add(2))
    assert isinstance(error, TypeError) and "request_serializer='json'" in str(error), repr(error)
    print("a pickle is refused in a pickle")


async def folkmoot_answers(factory: HttpExchangeFactory, folkmoot: "Folkmoot") -> None:
    async with await factory.create_user_client() as user:
        if READS_JSON:
            await asks(user, folkmoot)
            (agent_id,) = await user.discover(PEER)
            await ends(user, Handle(agent_id, request_serializer="json"))
        else:
            await asks_in_pickles(user)
            (agent_id,) = await user.discover(PeerOfFolkmoot)
            await ends(user, handle_of(user, agent_id))


class Caller(Agent):
    """An agent that is given another's id and calls it."""

    @action
    async def add_twice(self, other: AgentId, amount: int) -> int:
        """Has the other add twice."""
        handle = Handle(other, request_serializer="json")
        await handle.add(amount)
        return await handle.add(amount)


async def agents_call(manager: Manager) -> None:
    """A manager finds the agent by its type, and one of its own agents calls it."""
    (agent_id,) = await manager.exchange_client.discover(PEER)
    caller = await manager.launch(Caller)
    assert await in_time(caller.add_twice(agent_id, 7)) == 14
    print("an agent of Academy's calls an agent of Folkmoot's")


async def main(command: str) -> None:
    folkmoot = await Folkmoot.start(command)
    try:
        factory = HttpExchangeFactory(folkmoot.url)
        async with await Manager.from_exchange_factory(factory) as manager:
            peer = await manager.launch(LoudPeer)
            verb = "call" if READS_JSON else "old"
            checks = await folkmoot.does(f"{verb} {peer.agent_id.uid}")
            print(f"a handle of Folkmoot's calls an agent of Academy's: {checks} checks")
            await folkmoot.does("spawn")
            if READS_JSON:
                await agents_call(manager)
        await folkmoot_answers(factory, folkmoot)
        await folkmoot.end()
    finally:
        if folkmoot.process.returncode is None:
            folkmoot.process.kill()
    print(f"academy {RELEASE} on {sys.version.split()[0]} and Folkmoot's agents: all well")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
