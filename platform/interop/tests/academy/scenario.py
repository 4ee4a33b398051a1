"""Academy's own manager, agents, handles and users, of whatever release is installed, against a server of Folkmoot's.

    python scenario.py FOLKMOOT [--data]     FOLKMOOT is the command; with --data the server keeps a folder, and for 1.0 it is
                                             killed and restarted in the middle

Ends with 0 and a line for each part, or with the first thing that is not as it should be.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

from academy.agent import Agent, action
from academy.exception import BadEntityIdError, MailboxTerminatedError
from academy.exchange import HttpExchangeFactory
from academy.handle import Handle
from academy.identifier import AgentId
from academy.manager import Manager
from academy.message import ActionRequest, Message

RELEASE = version("academy-py")
PATIENCE = 60


class Counter(Agent):
    """Counts."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @action
    async def add(self, amount: int) -> int:
        """Adds, and returns the total."""
        self.total += amount
        return self.total

    @action
    async def echo(self, value: object) -> object:
        """Returns what it is given."""
        return value

    @action
    async def fail(self, why: str) -> None:
        """Fails."""
        raise ValueError(why)


class LoudCounter(Counter):
    """Counts, and shouts."""

    @action
    async def shout(self, text: str) -> str:
        """Returns the text in capitals."""
        return text.upper()


class Caller(Agent):
    """Calls another agent."""

    def __init__(self, other: Handle[Counter]) -> None:
        super().__init__()
        self.other = other

    @action
    async def add_twice(self, amount: int) -> int:
        """Has the other add twice."""
        await self.other.add(amount)
        return await self.other.add(amount)


class Server:
    """`folkmoot exchange serve`, and where it listens."""

    def __init__(self, command: str, data: str | None) -> None:
        self.command, self.data, self.listen = command, data, "127.0.0.1:0"
        self.start()

    def start(self) -> None:
        arguments = [self.command, "exchange", "serve", "--listen", self.listen]
        if self.data:
            arguments += ["--data", self.data]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("READY http://"), f"the server said {line!r}"
        self.url = line.split()[1]
        self.listen = self.url.removeprefix("http://")

    def stop(self, how: int = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout=20)


async def in_time(awaited):
    return await asyncio.wait_for(awaited, PATIENCE)


async def actions(manager: Manager) -> None:
    counter = await manager.launch(Counter)
    assert await in_time(counter.add(2)) == 2
    assert await in_time(counter.add(3)) == 5
    for value in ["", "ä \u2028 \U0001f600 \n\r\n", None, [1, {"a": b"\x00"}], "x" * 100_000]:
        assert await in_time(counter.echo(value)) == value, value
    totals = await in_time(asyncio.gather(*(counter.add(1) for _ in range(100))))
    assert sorted(totals) == list(range(6, 106)), totals
    try:
        await in_time(counter.fail("as asked"))
    except ValueError as error:
        assert "as asked" in str(error)
    else:
        raise AssertionError("the action did not fail")
    assert await in_time(counter.ping()) >= 0
    caller = await manager.launch(Caller, args=(counter,))
    assert await in_time(caller.add_twice(10)) == 125
    print("actions, errors, pings, an agent that calls another")


async def discovery(factory: HttpExchangeFactory, manager: Manager) -> None:
    loud = await manager.launch(LoudCounter)
    agent_id = loud.agent_id
    async with await factory.create_user_client() as user:
        found = await user.discover(Counter, allow_subclasses=True)
        assert agent_id in found and len(found) == 2, found
        assert agent_id not in await user.discover(Counter, allow_subclasses=False)
        assert await user.discover(LoudCounter, allow_subclasses=False) == (agent_id,)
        assert agent_id in await user.discover(Agent)
        handle = user.get_handle(agent_id) if hasattr(user, "get_handle") else Handle(agent_id)
        assert await in_time(handle.shout("hear")) == "HEAR"
    await in_time(manager.shutdown(loud, blocking=True))
    async with await factory.create_user_client() as user:
        assert await user.discover(LoudCounter) == ()
        assert (await user.status(agent_id)).name == "TERMINATED"
        assert (await user.status(AgentId.new())).name == "MISSING"
    print("discovery with and without subclasses, handles of another client, status")


async def termination(factory: HttpExchangeFactory) -> None:
    """Requests that nobody has read, and those of which the answer is owed, are answered when a mailbox ends."""
    async with await factory.create_user_client() as user:
        registration = await user.register_agent(Counter)
        agent_id = registration.agent_id
        handle = user.get_handle(agent_id) if hasattr(user, "get_handle") else Handle(agent_id)
        waiting = [asyncio.ensure_future(_outcome(handle.add(1))) for _ in range(5)]
        await asyncio.sleep(0.5)
        began = time.monotonic()
        await user.terminate(agent_id)
        outcomes = await in_time(asyncio.gather(*waiting))
        assert all(isinstance(outcome, MailboxTerminatedError) for outcome in outcomes), outcomes
        assert time.monotonic() - began < PATIENCE / 2
        await user.terminate(agent_id)
        outcome = await in_time(_outcome(handle.add(1)))
        assert isinstance(outcome, MailboxTerminatedError), outcome
        unknown = AgentId.new()
        stranger = user.get_handle(unknown) if hasattr(user, "get_handle") else Handle(unknown)
        outcome = await in_time(_outcome(stranger.add(1)))
        assert isinstance(outcome, BadEntityIdError), outcome
    print("termination answers everyone")


async def _outcome(awaited) -> object:
    try:
        return await awaited
    except Exception as error:
        return error


async def restart(server: Server, factory: HttpExchangeFactory) -> None:
    """What was left in a mailbox outlives a killed server, and agents and users that listen go on, however it is restarted."""
    user = await factory.create_user_client(start_listener=False)
    registration = await user.register_agent(Counter)
    body = ActionRequest(action="add", pargs=(7,), kargs={}, serialization="pickle")
    request = Message.create(src=user.client_id, dest=registration.agent_id, body=body)
    await user.send(request)
    server.stop(signal.SIGKILL)
    server.start()
    async with await Manager.from_exchange_factory(factory) as manager:
        counter = await manager.launch(Counter, registration=registration)
        async for message in user._transport.listen(timeout=PATIENCE):
            assert message.tag == request.tag and message.get_body().get_result() == 7, message
            break
        assert await in_time(counter.add(3)) == 10
        for how, total in [(signal.SIGTERM, 15), (signal.SIGKILL, 20), (signal.SIGKILL, 25)]:
            # An answer that has just been written would come twice, which ends this client.
            await asyncio.sleep(0.5)
            server.stop(how)
            server.start()
            assert await in_time(counter.add(5)) == total
        assert (await user.discover(Counter)) == (registration.agent_id,)
    await user.close()
    print("the server was killed and restarted in the middle")


async def main(command: str, with_data: bool) -> None:
    with contextlib.ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory()) if with_data else None
        server = Server(command, data)
        stack.callback(lambda: server.process.kill())
        factory = HttpExchangeFactory(server.url)
        async with await Manager.from_exchange_factory(factory) as manager:
            await actions(manager)
            await discovery(factory, manager)
        await termination(factory)
        if with_data and not RELEASE.startswith("0."):
            await restart(server, factory)
        code = server.stop()
        assert code == 0, f"the server ended with {code}"
    where = "a folder" if with_data else "memory"
    print(f"academy {RELEASE} on {sys.version.split()[0]} and Folkmoot's server over {where}: all well")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], "--data" in sys.argv[2:]))
