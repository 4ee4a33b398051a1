"""Records how AEA judges dialogues: `dialogues.py FILE`, or `dialogues.py --check FILE`.

Two of AEA's agents, ann and bob, speak the barter of tests/protocols/specification.rs, and some messages are spoilt on their
way. The file: `#` starts a comment, `run` a new pair of agents; every other line is a step in JSON, a list:
`["begin", END, PEER, PERFORMATIVE, DONE, REFERENCE]`, `["reply", END, REFERENCE, BY_US, TARGET, PERFORMATIVE, DONE, NUMBER]`,
`["update", END, STARTER, RESPONDER, NUMBER, TARGET, SENDER, TO, PERFORMATIVE, OUTCOME, REFERENCE]` and
`["state", END, [[STARTER, RESPONDER, BY_US, [NUMBERS]], ..]]`. References are numbers, written as 64 hexadecimal digits, and
0 is none; an update tells the one that was made for it. `--check` records anew and compares.

What AEA does otherwise on purpose of ours is left out: nothing is said in a dialogue that has ended.
"""
import logging
import platform
import random
import sys

from aea.exceptions import AEAEnforceError
from aea.protocols.base import Message
from aea.protocols.dialogue.base import Dialogue, DialogueLabel, Dialogues, InvalidDialogueMessage

REPLIES = {
    "offer": ["counter", "shake", "walk_away"],
    "counter": ["counter", "shake", "walk_away"],
    "shake": [],
    "walk_away": [],
}
RUNS, STEPS, UNKNOWN = 60, 40, 999_999


class BarterMessage(Message):
    __slots__ = ()

    class Performative(Message.Performative):
        OFFER = "offer"
        COUNTER = "counter"
        SHAKE = "shake"
        WALK_AWAY = "walk_away"

    class _SlotsCls:
        __slots__ = ("dialogue_reference", "message_id", "performative", "target")

    def _is_consistent(self):
        return True


SAID = {performative.value: performative for performative in BarterMessage.Performative}


class BarterDialogue(Dialogue):
    INITIAL_PERFORMATIVES = frozenset({SAID["offer"]})
    TERMINAL_PERFORMATIVES = frozenset({SAID["shake"], SAID["walk_away"]})
    VALID_REPLIES = {SAID[act]: frozenset(SAID[reply] for reply in replies) for act, replies in REPLIES.items()}

    class Role(Dialogue.Role):
        GIVER = "giver"
        TAKER = "taker"

    def __init__(self, dialogue_label, self_address, role, message_class=BarterMessage):
        super().__init__(
            dialogue_label=dialogue_label, message_class=message_class, self_address=self_address, role=role
        )


def role(message: Message, receiver_address: str) -> Dialogue.Role:
    return BarterDialogue.Role.GIVER


class End:
    """An agent, whose references count."""

    made = 0

    def __init__(self, address, peer):
        self.address, self.peer = address, peer
        self.dialogues = Dialogues(
            self_address=address,
            end_states=frozenset(),
            message_class=BarterMessage,
            dialogue_class=BarterDialogue,
            role_from_first_message=role,
            keep_terminal_state_dialogues=True,
        )
        self.known, self.said = [], []

    def ended(self):
        return any(
            message.performative in BarterDialogue.TERMINAL_PERFORMATIVES
            for dialogue in self.known
            for message in dialogue._incoming_messages + dialogue._outgoing_messages
        )

    def state(self):
        def told(dialogue):
            label = dialogue.dialogue_label
            references = [number(reference) for reference in label.dialogue_reference]
            return [*references, label.dialogue_starter_addr == self.address, dialogue._ordered_message_ids]

        return ["state", self.address, [told(dialogue) for dialogue in self.known]]


def nonce(cls):
    End.made += 1
    return text(End.made)


Dialogues._generate_dialogue_nonce = classmethod(nonce)


def text(number):
    return format(number, "064x") if number else ""


def number(reference):
    return int(reference, 16) if reference else 0


class Run:
    def __init__(self, seed):
        self.random = random.Random(seed)
        End.made = 0
        self.ends = [End("ann", "bob"), End("bob", "ann")]

    def steps(self):
        for _ in range(STEPS):
            end = self.random.choice(self.ends)
            if any(each.ended() for each in self.ends):
                break
            yield from self.random.choice([self.begin, self.reply, self.reply, self.deliver, self.deliver, self.deliver])(end)
        for end in self.ends:
            yield end.state()

    def begin(self, end):
        if len(end.known) >= 3:
            return
        act = "offer" if self.random.random() < 0.8 else self.random.choice(list(SAID))
        made = End.made
        try:
            message, dialogue = end.dialogues.create(end.peer, SAID[act])
        except ValueError:
            yield ["begin", end.address, end.peer, act, False, made + 1]
            return
        end.known.append(dialogue)
        end.said.append(message)
        yield ["begin", end.address, end.peer, act, True, made + 1]

    def reply(self, end):
        if not end.known:
            return
        dialogue = self.random.choice(end.known)
        label = dialogue.dialogue_label
        # What ends a dialogue ends the run: rarely.
        acts = ["counter"] * 8 + ["offer", "shake", "walk_away"]
        act, target = self.random.choice(acts), self.random.choice([None, None, 1, -1, 2, -2, 3, -3, 7])
        step = ["reply", end.address, number(label.dialogue_reference[0]), label.dialogue_starter_addr == end.address, target, act]
        try:
            message = dialogue.reply(SAID[act], target=target)
        except (ValueError, AEAEnforceError, InvalidDialogueMessage):
            yield [*step, False, 0]
            return
        end.said.append(message)
        yield [*step, True, message.message_id]

    def deliver(self, end):
        """The next message that is missing at the other end, or one out of order; sometimes spoilt before."""
        other = self.ends[1 - self.ends.index(end)]
        if not end.said:
            return
        message = self.random.choice(end.said)
        if self.random.random() < 0.5:
            yield self.hear(other, self.spoilt(message))
        yield self.hear(other, self.parts(message))

    @staticmethod
    def parts(message):
        references = [number(reference) for reference in message.dialogue_reference]
        return [*references, message.message_id, message.target, message.sender, message.to, message.performative.value]

    def spoilt(self, message):
        parts, which = self.parts(message), self.random.randrange(7)
        first = parts[2] == 1
        if which == 0:
            parts[0] = 0 if self.random.random() < 0.3 else UNKNOWN
        elif which == 1 and parts[1]:
            # Before it knows a reference AEA takes any for the responder's, also that of a bad message.
            known = any(number(d.dialogue_label.dialogue_reference[1]) == parts[1] for end in self.ends for d in end.known)
            parts[1] = UNKNOWN if known and parts[2] > 0 else parts[1]
        elif which == 2:
            parts[2] = self.random.choice([parts[2] + 1, -parts[2], parts[2] + 7])
        elif which == 3:
            parts[3] = self.random.choice([0, 1, -1, 2, -2, 9, -9])
        elif which == 4:
            parts[5 if self.random.random() < 0.5 else 4] = "carl"
        else:
            parts[6] = self.random.choice(["offer", "counter"])
        if first and parts[2] == 1:
            # Of a bad first message AEA remembers the reference, and then refuses the good one.
            parts[0] = UNKNOWN + End.made if parts[0] else 0
        return parts

    def hear(self, end, parts):
        starter, responder, identifier, target, sender, to, act = parts
        message = BarterMessage(
            performative=SAID[act], dialogue_reference=(text(starter), text(responder)), message_id=identifier, target=target
        )
        message.sender, message.to = sender, to
        made = End.made
        try:
            dialogue = end.dialogues.update(message)
            outcome = "refused" if dialogue is None else "accepted"
        except (AEAEnforceError, ValueError):
            dialogue, outcome = None, "raised"
        if dialogue is not None and dialogue not in end.known:
            end.known.append(dialogue)
        return ["update", end.address, *parts, outcome, End.made if End.made > made else 0]


def lines():
    import json

    yield f"# How dialogues are judged: aea 1.2.5 on CPython {platform.python_version()}."
    yield "# Written by agents/protocols/tests/aea/dialogues.py: `.ci/live record` makes it anew, the live lane compares it."
    for seed in range(RUNS):
        yield "run"
        for step in Run(seed).steps():
            yield json.dumps(step, separators=(",", ":"))


def main():
    logging.disable(logging.CRITICAL)
    check, path = sys.argv[1] == "--check", sys.argv[-1]
    recorded = "".join(line + "\n" for line in lines())
    if not check:
        with open(path, "w", encoding="utf-8") as file:
            file.write(recorded)
        return
    with open(path, encoding="utf-8") as file:
        # The first line tells the versions that recorded it.
        if file.read().split("\n")[1:] != recorded.split("\n")[1:]:
            raise SystemExit(f"{path} is not what AEA does now: `.ci/live record` makes it anew")
    print(f"AEA judges dialogues as recorded: {recorded.count(chr(10))} lines")


if __name__ == "__main__":
    main()
