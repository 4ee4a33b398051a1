"""Compares the bytes of AEA and Folkmoot both ways: `compare.py FOLKMOOT SPEC...`.

For each specification: what AEA writes, Folkmoot writes (maps in order) and reads to the same; what Folkmoot writes,
AEA reads to the same; and of bytes that were broken, both read alike or refuse, Folkmoot leniently.
"""
import json
import subprocess
import sys

import peer
from samples import Samples

BROKEN = 3000


def folkmoot(binary, spec, verb, lines, *options):
    words = [binary, "protocol", verb, "--spec", spec, *options]
    text = "\n".join(lines) + "\n"
    done = subprocess.run(words, input=text, stdout=subprocess.PIPE, universal_newlines=True, check=False)
    answers = done.stdout.split("\n")[:-1]
    if len(answers) != len(lines):
        raise SystemExit(f"{words} answered {len(answers)} of {len(lines)} lines, exit code {done.returncode}")
    if (done.returncode != 0) != any(answer.startswith("error: ") for answer in answers):
        raise SystemExit(f"{words} ended with exit code {done.returncode}, which its answers do not say")
    return answers


class Comparison:
    def __init__(self, binary, spec):
        self.binary, self.spec, self.protocol = binary, spec, peer.Protocol(spec)
        self.wrong = 0

    def check(self, what, line, theirs, ours):
        if theirs != ours:
            self.wrong += 1
            if self.wrong <= 10:
                print(f"{self.spec}: {what}\n  of   {line}\n  AEA  {theirs}\n  ours {ours}")

    def ours(self, verb, lines, *options):
        return folkmoot(self.binary, self.spec, verb, lines, *options)

    def both_ways(self, samples, *options):
        envelope = "--envelope" in options
        lines = [json.dumps(sample) for sample in samples]
        theirs = [self.protocol.sorted_maps(self.protocol.encode(sample, envelope), envelope) for sample in samples]
        ours = self.ours("encode", lines, *options)
        for line, their, our in zip(lines, theirs, ours):
            self.check("bytes differ", line, their.hex(), our)
        raw = [self.protocol.encode(sample, envelope) for sample in samples]
        read = self.ours("decode", [encoded.hex() for encoded in raw], *options)
        for line, encoded, our in zip(lines, raw, read):
            self.check("readings differ", line, self.reading(encoded, envelope), self.plain(our))
        for line, our, read_back in zip(lines, ours, self.ours("decode", ours, *options)):
            theirs_of_ours = self.reading(bytes.fromhex(our), envelope)
            self.check("AEA reads our bytes otherwise", line, theirs_of_ours, self.plain(read_back))
        # What was read is written as it was.
        for line, our, again in zip(read, ours, self.ours("encode", read, *options)):
            self.check("what was read is written otherwise", line, our, again)
        return theirs

    def broken(self, encoded, *options):
        envelope = "--envelope" in options
        encoded = list(Samples(self.protocol, seed=2).broken(encoded, BROKEN))
        lines = [wrong.hex() or "zz" for wrong in encoded]
        refused = 0
        for line, wrong, our in zip(lines, encoded, self.ours("decode", lines, "--lenient", *options)):
            if line == "zz":
                continue
            their = self.reading(wrong, envelope)
            refused += their is None
            self.check("broken bytes are read otherwise", line, their, self.plain(our))
        return len(encoded) - refused

    def reading(self, encoded, envelope):
        """What AEA reads, as comparable text; none where it refuses."""
        try:
            return json.dumps(peer.without_order(self.protocol.decode(encoded, envelope)), sort_keys=True)
        except Exception:  # Whatever AEA raises, it refuses.
            return None

    def plain(self, answer):
        """What Folkmoot reads, as comparable text. It keeps custom types as they came, which AEA writes anew."""
        if answer.startswith("error: "):
            return None
        settled = self.protocol.custom_type_settled(json.loads(answer))
        return json.dumps(peer.without_order(settled), sort_keys=True)


def main():
    peer.quiet()
    binary, wrong = sys.argv[1], 0
    for spec in sys.argv[2:]:
        comparison = Comparison(binary, spec)
        samples = list(Samples(comparison.protocol).all())
        encoded = comparison.both_ways(samples)
        read = comparison.broken(encoded)
        for position, sample in enumerate(samples):
            addresses = [("agent", "other_agent"), ("a/skill:0.1.0", "b/skill:1.2.3")][position % 3 == 2]
            sample["to"], sample["sender"] = addresses
            if position % 3 == 1:
                sample["uri"] = "https://user@host:80/path?query#fragment"
            sample["spec"] = str(comparison.protocol.id)
        envelopes = comparison.both_ways(samples, "--envelope")
        comparison.broken(envelopes, "--envelope")
        print(f"{comparison.protocol.id}: {len(samples)} messages, {BROKEN} broken ones of which AEA reads {read}: "
              + (f"{comparison.wrong} DIFFER" if comparison.wrong else "all alike"))
        wrong += comparison.wrong
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
