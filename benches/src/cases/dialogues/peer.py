"""AEA's side: one long dialogue. For each number on standard input, so many messages are copied, taken and answered."""
import logging
import sys
import time

from aea.protocols.base import Message
from aea.protocols.dialogue.base import Dialogue, Dialogues


class HaggleMessage(Message):
    __slots__ = ()

    class Performative(Message.Performative):
        BID = "bid"
        STOP = "stop"

    class _SlotsCls:
        __slots__ = ("dialogue_reference", "message_id", "performative", "price", "target")

    def _is_consistent(self):
        return True


BID, STOP = HaggleMessage.Performative.BID, HaggleMessage.Performative.STOP


class HaggleDialogue(Dialogue):
    INITIAL_PERFORMATIVES = frozenset({BID})
    TERMINAL_PERFORMATIVES = frozenset({STOP})
    VALID_REPLIES = {BID: frozenset({BID, STOP}), STOP: frozenset()}

    class Role(Dialogue.Role):
        TRADER = "trader"

    def __init__(self, dialogue_label, self_address, role, message_class=HaggleMessage):
        super().__init__(
            dialogue_label=dialogue_label, message_class=message_class, self_address=self_address, role=role
        )


def role(message: Message, receiver_address: str) -> Dialogue.Role:
    return HaggleDialogue.Role.TRADER


def incoming(reference, identifier, target):
    message = HaggleMessage(
        performative=BID, dialogue_reference=reference, message_id=identifier, target=target, price=300
    )
    message.sender, message.to = "peer-0", "trader"
    return message


def main():
    logging.disable(logging.CRITICAL)
    dialogues = Dialogues(
        self_address="trader",
        end_states=frozenset(),
        message_class=HaggleMessage,
        dialogue_class=HaggleDialogue,
        role_from_first_message=role,
    )
    dialogue = dialogues.update(incoming(("0" * 64, ""), 1, 0))
    last = dialogue.reply(BID, price=300)
    for line in sys.stdin:
        began = time.perf_counter_ns()
        for _ in range(int(line)):
            message = incoming(last.dialogue_reference, 1 - last.message_id, last.message_id)
            last = dialogues.update(message).reply(BID, price=300)
        print(time.perf_counter_ns() - began, flush=True)


main()
