"""What the benches need of AEA: a message that its own generated code writes and reads.

    peer.py SCRIPTS SPEC FOLDER PERFORMATIVE  prints the message's bytes; reads numbers, writes and reads it so many
                                              times, and prints the nanoseconds
"""
import sys
import time

sys.dont_write_bytecode = True
scripts, spec, folder, performative = sys.argv[1:]
sys.path.insert(0, scripts)

import peer

peer.quiet()
# The two custom types of the protocol are AEA's own models.
peer.CUSTOM_TYPE = "from aea.helpers.search.models import {name}\n"
protocol = peer.Protocol(spec, folder)

from aea.helpers.search.models import Attribute, DataModel, Description

attributes = {
    "name": ("a plot with a view", str), "price": (12.5, float), "count": (7, int), "sold": (False, bool),
    "place": ("at the end of the long road", str),
}
model = DataModel("plots", [Attribute(name, kind, True) for name, (_, kind) in attributes.items()])
contents = {
    "propose": {"proposal": Description({name: value for name, (value, _) in attributes.items()}, data_model=model)},
    "accept_w_inform": {"info": {"address": "fetch1" + "x" * 38, "method": "transfer"}},
}[performative]
message = protocol.message_class(
    performative=performative, dialogue_reference=("5f" * 32, "a0" * 32), message_id=2, target=1, **contents
)
encode, decode = protocol.serializer.encode, protocol.serializer.decode
print(protocol.sorted_maps(encode(message)).hex(), flush=True)
for order in sys.stdin:
    times = range(int(order))
    began = time.perf_counter_ns()
    for _ in times:
        decode(encode(message))
    print(time.perf_counter_ns() - began, flush=True)
