"""Records what Python's blosc compresses: `chunks.py FILE`, or `chunks.py --check FILE`.

Each line that is no comment is one chunk, as `CONTENT BYTES TYPE_BYTES SHUFFLE COMPRESSOR LEVEL BLOCK_BYTES HEX`. CONTENT
names how its bytes are made, in `content` below and again in `codecs/tests/conformance/chunks.rs`; BLOCK_BYTES is 0
where blosc chose. aiomas compresses with blosclz, level 9, a shuffle of bytes, 8 bytes a type, and lets blosc choose.
"""
import sys

import blosc

SHUFFLES = {"none": blosc.NOSHUFFLE, "bytes": blosc.SHUFFLE, "bits": blosc.BITSHUFFLE}


def content(name, count):
    """`count` bytes of a kind."""
    if name == "ones":
        return b"\x01" * count
    if name == "ramp":
        return bytes(i // 3 % 256 for i in range(count))
    if name == "words":
        words = (b"a", b"parish", b"moot", b"of ", b"folk", b"hall,", b" the ", b"thegn")
        out, number = bytearray(), 1
        while len(out) < count:
            number = (number * 1103515245 + 12345) % 2**31
            out += words[number >> 16 & 7]
        return bytes(out[:count])
    if name == "noise":
        out, number = bytearray(), 7
        for _ in range(count):
            number = (number * 1103515245 + 12345) % 2**31
            out.append(number >> 16 & 0xff)
        return bytes(out)
    if name == "islands":
        # Noise that comes back from far away.
        noise = content("noise", 9000)
        return ((noise + b"\0" * 500) * (count // 9500 + 1))[:count]
    raise SystemExit("no content %r" % name)


CASES = [
    # As aiomas does it: short, just compressible, several kinds.
    (name, count, 8, "bytes", "blosclz", 9, 0)
    for name, most in (("ones", 40000), ("ramp", 40000), ("words", 5000), ("noise", 500), ("islands", 40000))
    for count in (1, 127, 128, 500, 1025, 5000, 40000)
    if count <= most
] + [
    # More than a block of blosc's own choice.
    ("ones", 3000001, 8, "bytes", "blosclz", 9, 0),
    # Small blocks, the last of them short, of several sizes of a type; whole and in streams.
    *((name, count, type_bytes, shuffle, "blosclz", level, block)
      for name, count, block in (("words", 4500, 2048), ("ramp", 4099, 1024))
      for type_bytes in (1, 2, 3, 4, 8, 16, 17, 255)
      for shuffle in ("none", "bytes")
      for level in (9,)),
    ("ramp", 5000, 8, "bytes", "blosclz", 1, 0),
    ("words", 9000, 1, "none", "blosclz", 5, 0),
    ("ramp", 5000, 8, "bytes", "blosclz", 0, 0),
    # What is not read.
    ("ones", 5000, 8, "bits", "blosclz", 9, 0),
    *(("ones", 5000, 8, "bytes", compressor, 9, 0) for compressor in ("lz4", "lz4hc", "snappy", "zlib", "zstd")
      if compressor in blosc.compressor_list()),
]


def record():
    for name, count, type_bytes, shuffle, compressor, level, block in CASES:
        blosc.set_blocksize(block)
        raw = content(name, count)
        chunk = blosc.compress(raw, typesize=type_bytes, clevel=level, shuffle=SHUFFLES[shuffle], cname=compressor)
        assert blosc.decompress(chunk) == raw
        yield "%s %d %d %s %s %d %d %s" % (name, count, type_bytes, shuffle, compressor, level, block, chunk.hex())


def main():
    checking = sys.argv[1:2] == ["--check"]
    if len(sys.argv) != 2 + checking:
        raise SystemExit("usage: chunks.py [--check] FILE")
    path = sys.argv[-1]
    blosc.set_nthreads(1)
    made = list(record())
    if checking:
        with open(path, encoding="utf-8") as file:
            kept = [line for line in file.read().splitlines() if not line.startswith("#")]
        if kept != made:
            raise SystemExit("%s: not what blosc %s makes" % (path, blosc.__version__))
        print("OK %d chunks in %s are what blosc %s makes" % (len(made), path, blosc.__version__))
        return
    head = [
        "# Chunks of Python's blosc %s (C-Blosc %s)." % (blosc.__version__, blosc.blosclib_version.split(" ")[0]),
        "# Written by platform/tests/aiomas/chunks.py, which says what stands in a line: `just record` makes it anew.",
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(head + made) + "\n")


if __name__ == "__main__":
    main()
