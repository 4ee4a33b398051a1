"""Messages of every performative of a specification, as neutral JSON: zeros, extremes, and chosen at random.

The same each time, for the same specification and seed.
"""
import random
import struct

from peer import inside

EXTREMES = {
    "int": [0, 1, -1, 127, 128, 300, 2**31, -(2**31), 2**63 - 1, -(2**63)],
    "float": ["0.0", "-0.0", "1.0", "0.1", "-2.5", "1e-45", "3.4028234663852886e+38", "inf", "-inf", "nan", "16777217"],
    "bool": [True, False],
    "str": ["", "a", "Gr\u00fc\u00dfe \U0001f33b", "x" * 200, "nul \0 quote \" line \n"],
    "bytes": ["", "00", "ff00", "61" * 200],
}


class Samples:
    def __init__(self, protocol, seed=1):
        self.protocol, self.random = protocol, random.Random(seed)

    def all(self, each=8):
        """For each performative a message of zeros, one with all there is, and some at random."""
        for performative, contents in self.protocol.speech_acts.items():
            yield self.neutral(performative, {
                name: self.zero(written) for name, written in contents.items() if not optional(written)
            })
            for alternative in range(max([1] + [len(alternatives(written)) for written in contents.values()])):
                yield self.neutral(performative, {
                    name: self.some(written, alternative) for name, written in contents.items()
                })
            for _ in range(each if contents else 1):
                yield self.neutral(performative, {
                    name: self.some(written)
                    for name, written in contents.items()
                    if not optional(written) or self.random.random() < 0.6
                })

    def neutral(self, performative, contents):
        pick = self.random.choice
        return {
            "performative": performative,
            "dialogue_reference": [pick(["", "s", "5f" * 32]), pick(["", "r", "a0" * 32])],
            "message_id": pick([1, 2, -1, -2, 127, 128, 2**31 - 1, -(2**31)]),
            "target": pick([0, 1, -1, 2**31 - 1, -(2**31)]),
            "contents": contents,
        }

    def zero(self, written):
        kinds = alternatives(written)
        if len(kinds) > 1:
            return {"union": kinds[0], "value": self.zero(kinds[0])}
        written = kinds[0]
        if written.startswith("ct:"):
            return {"ct": written[3:], "raw": ""}
        kind = written[3:].split("[")[0]
        if kind in ("set", "list"):
            return {kind: [], "of": inside(written)[0]}
        if kind == "dict":
            return {"dict": [], "of": inside(written)}
        return single(kind, {"int": 0, "float": "0.0", "bool": False, "str": "", "bytes": ""}[kind])

    def some(self, written, alternative=None):
        kinds = alternatives(written)
        chosen = self.random.choice(kinds) if alternative is None else kinds[alternative % len(kinds)]
        value = self.plain(chosen, at_least=1 if len(kinds) > 1 else 0)
        return {"union": chosen, "value": value} if len(kinds) > 1 else value

    def plain(self, written, at_least=0):
        if written.startswith("ct:"):
            return {"ct": written[3:], "raw": self.custom(written[3:]).hex()}
        kind = written[3:].split("[")[0]
        if kind not in ("set", "list", "dict"):
            return single(kind, self.primitive(kind))
        parts = inside(written)
        count = self.random.choice([at_least, 1, 2, 5])
        keys = [single(parts[0][3:], self.primitive(parts[0][3:])) for _ in range(count)]
        if kind == "list":
            return {"list": keys, "of": parts[0]}
        keys = [value for position, value in enumerate(keys) if same(value) not in map(same, keys[:position])]
        if kind == "set":
            return {"set": keys, "of": parts[0]}
        return {"dict": [[key, single(parts[1][3:], self.primitive(parts[1][3:]))] for key in keys], "of": parts}

    def primitive(self, kind):
        pick = self.random
        if pick.random() < 0.5:
            return pick.choice(EXTREMES[kind])
        if kind == "int":
            return pick.randrange(-(2**40), 2**40)
        if kind == "float":
            return repr(struct.unpack("<f", struct.pack("<f", pick.uniform(-1e6, 1e6)))[0])
        if kind == "str":
            return "".join(pick.choice("abc xyz\u00e4\u20ac") for _ in range(pick.randrange(12)))
        if kind == "bytes":
            return bytes(pick.randrange(256) for _ in range(pick.randrange(12))).hex()
        return pick.random() < 0.5

    def custom(self, name):
        """The bytes of a message of a custom type, with its fields at random."""
        message = getattr(self.protocol.pb2, name)()
        self.fill(message, 3)
        return message.SerializeToString(deterministic=True)

    def fill(self, message, depth):
        for field in message.DESCRIPTOR.fields:
            if self.random.random() < 0.3:
                continue
            is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
            if is_map:
                key, value = (field.message_type.fields_by_name[side] for side in ("key", "value"))
                if value.message_type is None:
                    for _ in range(self.random.randrange(3)):
                        getattr(message, field.name)[self.of_field(key)] = self.of_field(value)
            elif field.message_type is not None:
                if depth == 0:
                    continue
                if field.label == field.LABEL_REPEATED:
                    for _ in range(self.random.randrange(3)):
                        self.fill(getattr(message, field.name).add(), depth - 1)
                else:
                    self.fill(getattr(message, field.name), depth - 1)
            elif field.label == field.LABEL_REPEATED:
                getattr(message, field.name).extend(self.of_field(field) for _ in range(self.random.randrange(4)))
            else:
                setattr(message, field.name, self.of_field(field))

    def of_field(self, field):
        kind = field.cpp_type
        if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
            return float(self.random.randrange(-1000, 1000)) / 8
        if kind == field.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        if kind == field.CPPTYPE_ENUM:
            return self.random.choice([value.number for value in field.enum_type.values])
        if kind == field.CPPTYPE_STRING:
            return bytes.fromhex(self.primitive("bytes")) if field.type == field.TYPE_BYTES else self.primitive("str")
        unsigned = kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64)
        bits = 31 if kind in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 63
        return self.random.randrange(0 if unsigned else -(2**bits), 2**bits)

    def broken(self, encoded, count):
        """The bytes as a bad line or a bad peer makes them: cut, flipped, doubled, spliced."""
        pick = self.random
        for _ in range(count):
            wrong = bytearray(pick.choice(encoded))
            for _ in range(pick.choice([1, 1, 1, 2, 4])):
                at = pick.randrange(len(wrong) + 1)
                how = pick.randrange(5)
                if how == 0:
                    del wrong[at:]
                elif how == 1 and at < len(wrong):
                    wrong[at] ^= 1 << pick.randrange(8)
                elif how == 2 and at < len(wrong):
                    wrong[at] = pick.choice([0, 1, 2, 3, 4, 5, 8, 10, 16, 18, 0x2A, 0x7F, 0x80, 0xFF])
                elif how == 3:
                    other = pick.choice(encoded)
                    begin = pick.randrange(len(other) + 1)
                    wrong[at:at] = other[begin : begin + pick.randrange(12)]
                else:
                    del wrong[at : at + pick.randrange(4)]
            yield bytes(wrong)


def optional(written):
    return written.startswith("pt:optional[")


def alternatives(written):
    if optional(written):
        written = inside(written)[0]
    return inside(written) if written.startswith("pt:union[") else [written]


def same(tagged):
    """Equal for values that are one in a set: floats are so when they are of 32 bits."""
    (kind, value), = tagged.items()
    if kind == "float":
        value = struct.unpack("<f", struct.pack("<f", float(value)))[0] + 0.0
        return kind, repr(value)
    return kind, value


def single(kind, value):
    return {kind: value}
