"""AEA's own side: protocols that its generator makes of a specification, and their messages as neutral JSON.

The generator is AEA's, whole; only its external programs are replaced: `protoc` by the one in grpcio-tools, the
formatters by nothing. The stubs for custom types, which AEA leaves to be written, hold the bytes of their message.

As a command: `peer.py SPEC encode|decode [--envelope]` does with AEA what `folkmoot protocol` does by these verbs.
"""
import importlib
import json
import logging
import os
import struct
import sys
import tempfile
import warnings

import pkg_resources
from aea.configurations.data_types import PublicId
from aea.mail.base import URI, Envelope, EnvelopeContext
from aea.protocols.generator import base as generator
from aea.protocols.generator import common
from grpc_tools import protoc

PACKAGE = "generated_by_aea"

CUSTOM_TYPE = '''
class {name}:
    """Holds the bytes of its message."""

    def __init__(self, raw):
        self.raw = raw

    @staticmethod
    def encode(pb, custom):
        pb.ParseFromString(custom.raw)
        pb.SetInParent()

    @classmethod
    def decode(cls, pb):
        return cls(pb.SerializeToString(deterministic=True))

    def __eq__(self, other):
        return isinstance(other, {name}) and self.raw == other.raw
'''


class Ordered(frozenset):
    """A set that is written in the order in which it was given."""

    def __new__(cls, items):
        made = super().__new__(cls, items)
        made.in_order = tuple(dict.fromkeys(items))
        return made

    def __iter__(self):
        return iter(self.in_order)


def run_protoc(folder, name, _language="python"):
    include = pkg_resources.resource_filename("grpc_tools", "_proto")
    words = ["protoc", "-I" + folder, "-I" + include, "--python_out=" + folder, os.path.join(folder, name + ".proto")]
    if protoc.main(words) != 0:
        raise SystemExit("protoc refuses " + words[-1])


def generate(spec, folder):
    """Makes the package of a specification; answers the generator, which knows the types."""
    generator.check_prerequisites = lambda: None
    generator.get_protoc_version = lambda: "grpcio-tools"
    generator.try_run_black_formatting = generator.try_run_isort_formatting = lambda _folder: None
    generator.apply_protolint = lambda _folder, _name: (True, "")
    common.try_run_protoc = run_protoc
    os.makedirs(os.path.join(folder, PACKAGE), exist_ok=True)
    made = generator.ProtocolGenerator(spec, os.path.join(folder, PACKAGE), PACKAGE + ".")
    made.generate()
    name = made.protocol_specification.name
    if made.spec.all_custom_types:
        with open(os.path.join(folder, PACKAGE, name, "custom_types.py"), "w", encoding="utf-8") as file:
            file.write("".join(CUSTOM_TYPE.format(name=custom) for custom in made.spec.all_custom_types))
    return made


class Protocol:
    """One protocol, as AEA has it."""

    def __init__(self, spec, folder=None):
        folder = folder or tempfile.mkdtemp(prefix="aea-")
        made = generate(spec, folder)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        importlib.invalidate_caches()
        self.name = made.protocol_specification.name
        self.id = made.protocol_specification.protocol_specification_id
        # Contents in the author's order with their types as they are written there.
        self.speech_acts = {
            performative: {
                name: str(written).strip()
                for name, written in made.protocol_specification.speech_acts.read(performative).args.items()
            }
            for performative, _ in made.protocol_specification.speech_acts.read_all()
        }
        package = PACKAGE + "." + self.name
        camel = common._to_camel_case(self.name)
        self.message_class = getattr(importlib.import_module(package + ".message"), camel + "Message")
        self.serializer = getattr(importlib.import_module(package + ".serialization"), camel + "Serializer")
        self.pb2 = getattr(importlib.import_module(f"{package}.{self.name}_pb2"), camel + "Message")
        self.message_class.serializer = self.serializer
        self.message_class.protocol_id = PublicId(self.id.author, self.id.name, self.id.version)
        self.message_class.protocol_specification_id = self.id
        self.custom_types = {}
        if made.spec.all_custom_types:
            self.custom_types = vars(importlib.import_module(package + ".custom_types"))

    # neutral JSON -> AEA

    def message(self, neutral):
        contents = {name: self.value(tagged) for name, tagged in neutral["contents"].items()}
        message = self.message_class(
            performative=neutral["performative"],
            dialogue_reference=tuple(neutral["dialogue_reference"]),
            message_id=neutral["message_id"],
            target=neutral["target"],
            **contents,
        )
        if "sender" in neutral:
            message.sender = neutral["sender"]
        if "to" in neutral:
            message.to = neutral["to"]
        return message

    def value(self, tagged):
        if "union" in tagged:
            return self.value(tagged["value"])
        if "int" in tagged:
            return tagged["int"]
        if "float" in tagged:
            return float(tagged["float"])
        if "bool" in tagged:
            return tagged["bool"]
        if "str" in tagged:
            return tagged["str"]
        if "bytes" in tagged:
            return bytes.fromhex(tagged["bytes"])
        if "set" in tagged:
            return Ordered([self.value(item) for item in tagged["set"]])
        if "list" in tagged:
            return tuple(self.value(item) for item in tagged["list"])
        if "dict" in tagged:
            return {self.value(key): self.value(value) for key, value in tagged["dict"]}
        return self.custom_types[tagged["ct"]](bytes.fromhex(tagged["raw"]))

    def encode(self, neutral, envelope=False):
        message = self.message(neutral)
        if not envelope:
            return self.serializer.encode(message)
        context = EnvelopeContext(uri=URI(neutral["uri"])) if neutral.get("uri") else None
        return Envelope(to=message.to, sender=message.sender, message=message, context=context).encode()

    # AEA -> neutral JSON

    def decode(self, encoded, envelope=False):
        beside = {}
        if envelope:
            opened = Envelope.decode(encoded)
            if opened.protocol_specification_id != self.id:
                raise ValueError("another protocol")
            beside = {"spec": str(opened.protocol_specification_id), "sender": opened.sender, "to": opened.to}
            if opened.context is not None:
                beside["uri"] = str(opened.context.uri)
            encoded = opened.message
        message = self.serializer.decode(encoded)
        performative = str(message.performative)
        contents = {}
        for name, written in self.speech_acts[performative].items():
            if message.is_set(name):
                contents[name] = self.tagged(written, message.get(name), encoded, performative, name)
        return {
            **beside,
            "performative": performative,
            "dialogue_reference": list(message.dialogue_reference),
            "message_id": message.message_id,
            "target": message.target,
            "contents": contents,
        }

    def tagged(self, written, value, encoded, performative, name):
        if written.startswith("pt:optional["):
            written = inside(written)[0]
        if not written.startswith("pt:union["):
            return tag(written, value)
        # Which alternative it was: the last whose flag is set, as the serializer reads it.
        chosen = None
        for alternative in inside(written):
            flag = f"{name}_type_{word(alternative)}_is_set"
            if getattr(getattr(self.inner(encoded), performative), flag):
                chosen = alternative
        return {"union": chosen, "value": tag(chosen, value)}

    def custom_type_settled(self, neutral):
        """The bytes of custom types as AEA writes them again; raises where they are none of their type."""
        if isinstance(neutral, dict):
            if "ct" in neutral:
                message = getattr(self.pb2, neutral["ct"])()
                message.ParseFromString(bytes.fromhex(neutral["raw"]))
                return {"ct": neutral["ct"], "raw": message.SerializeToString(deterministic=True).hex()}
            return {key: self.custom_type_settled(value) for key, value in neutral.items()}
        return [self.custom_type_settled(item) for item in neutral] if isinstance(neutral, list) else neutral

    def inner(self, encoded):
        from aea.mail.base_pb2 import Message as Outer

        outer, inner = Outer(), self.pb2()
        outer.ParseFromString(encoded)
        inner.ParseFromString(outer.dialogue_message.content)
        return inner

    def sorted_maps(self, encoded, envelope=False):
        """The same bytes with the entries of maps in order, which AEA writes in any."""
        from aea.mail.base_pb2 import Envelope as OuterEnvelope
        from aea.mail.base_pb2 import Message as Outer

        if envelope:
            around = OuterEnvelope()
            around.ParseFromString(encoded)
            around.message = self.sorted_maps(around.message)
            return around.SerializeToString(deterministic=True)
        outer = Outer()
        outer.ParseFromString(encoded)
        outer.dialogue_message.content = self.inner(encoded).SerializeToString(deterministic=True)
        return outer.SerializeToString(deterministic=True)


def inside(written):
    """The types between the outer brackets of one."""
    parts, depth, begin = [], 0, written.index("[") + 1
    for position in range(begin, len(written)):
        depth += {"[": 1, "]": -1}.get(written[position], 0)
        if depth == -1 or (depth == 0 and written[position] == ","):
            parts.append(written[begin:position].strip())
            begin = position + 1
    return [part for part in parts if part]


def word(written):
    """What stands for an alternative in the names of fields."""
    kind = written[3:]
    if "[" not in kind:
        return kind
    parts = [part[3:] for part in inside(written)]
    return "_".join([kind[: kind.index("[")], "of", *parts])


def tag(written, value):
    if written.startswith("ct:"):
        return {"ct": written[3:], "raw": value.raw.hex()}
    kind = written[3:].split("[")[0]
    if kind == "int":
        return {"int": value}
    if kind == "float":
        # Which of the bit patterns of a NaN it was, Python does not keep.
        return {"float": repr(value), **({"f32": struct.pack(">f", value).hex()} if value == value else {})}
    if kind == "bool":
        return {"bool": value}
    if kind == "str":
        return {"str": value}
    if kind == "bytes":
        return {"bytes": value.hex()}
    parts = inside(written)
    if kind in ("set", "list"):
        return {kind: [tag(parts[0], item) for item in value], "of": parts[0]}
    entries = sorted(value.items(), key=lambda entry: entry[0].encode() if isinstance(entry[0], str) else entry[0])
    return {"dict": [[tag(parts[0], key), tag(parts[1], item)] for key, item in entries], "of": parts}


def without_order(neutral):
    """For comparing: sets in some order of their own, and NaNs without their bits, for AEA keeps neither."""
    if isinstance(neutral, dict):
        neutral = {key: without_order(value) for key, value in neutral.items()}
        if neutral.get("float") == "nan":
            neutral.pop("f32", None)
        if "set" in neutral:
            neutral["set"] = sorted(neutral["set"], key=lambda item: json.dumps(item, sort_keys=True))
        return neutral
    return [without_order(item) for item in neutral] if isinstance(neutral, list) else neutral


def main():
    spec, verb, envelope = sys.argv[1], sys.argv[2], "--envelope" in sys.argv
    protocol = Protocol(spec)
    for line in sys.stdin:
        try:
            if verb == "encode":
                print(protocol.encode(json.loads(line), envelope).hex())
            else:
                print(json.dumps(protocol.decode(bytes.fromhex(line.strip()), envelope)))
        except Exception as error:  # Whatever AEA raises is what it says.
            print("error: " + repr(error).replace("\n", " "))


def quiet():
    """AEA logs inconsistent messages, protobuf tells of what it does not read: both are compared, not told."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # Protobuf's C++ writes past Python, which keeps the way out for itself.
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    quiet()
    main()
