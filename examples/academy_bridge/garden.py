"""A garden, as an agent of Academy's: it waters its beds from a tank that is an agent of Folkmoot's.

    python garden.py URL     the front door of Folkmoot's, where the tank's mailbox is

Ends when the garden is told to shut down.
"""

from __future__ import annotations

import asyncio
import math
import sys

from academy.agent import Agent, action
from academy.exception import AcademyRemoteError
from academy.exchange import HttpExchangeFactory
from academy.handle import Handle
from academy.identifier import AgentId
from academy.manager import Manager

TANK = "garden.Tank"
BEDS = {"beans": 1.4, "lettuce": 0.9, "tomatoes": 2.2}
"""Litres that each bed loses in an hour of full sun."""


class Garden(Agent):
    """Beds that dry in the sun and are watered from a tank."""

    def __init__(self, tank: AgentId) -> None:
        super().__init__()
        # What is no Python reads JSON.
        self.tank = Handle(tank, request_serializer="json")
        self.thirst = dict.fromkeys(BEDS, 0.0)
        self.got = 0.0

    @action
    async def water(self, hour: int) -> dict[str, float]:
        """Lets an hour pass, and gives each bed what the tank has for it."""
        sun = max(0.0, math.sin((hour - 6) / 12 * math.pi))
        wanted = got = 0.0
        for bed, losses in BEDS.items():
            self.thirst[bed] += losses * sun
            wanted += self.thirst[bed]
            litres = await self.draw(self.thirst[bed])
            self.thirst[bed] -= litres
            got += litres
        self.got += got
        return {"wanted": wanted, "got": got}

    async def draw(self, litres: float) -> float:
        """As much of it as the tank has."""
        try:
            return await self.tank.draw(litres)
        except AcademyRemoteError as error:
            if "ResourceWarning" not in str(error):
                raise
        return await self.tank.draw(litres=min(litres, await self.tank.level()))

    @action
    async def books(self) -> float:
        """The litres that the garden ever got."""
        return self.got


async def main(url: str) -> None:
    factory = HttpExchangeFactory(url)
    async with await Manager.from_exchange_factory(factory) as manager:
        (tank,) = await manager.exchange_client.discover(TANK)
        garden = await manager.launch(Garden, args=(tank,))
        await manager.wait([garden])


if __name__ == "__main__":
    # So that others find the agent as `garden.Garden`, and not as what happens to be the main program.
    import garden

    asyncio.run(garden.main(sys.argv[1]))
