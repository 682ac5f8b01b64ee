"""png_colours.py FILE: the colours of a png as sc-plot writes it, "r,g,b<TAB>pixels", the most frequent first."""
import collections
import struct
import sys
import zlib

data, at, idat = open(sys.argv[1], "rb").read(), 8, b""
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at : at + 8])
    if kind == b"IHDR":
        w, h, depth, colour = struct.unpack(">IIBB", data[at + 8 : at + 18])
    if kind == b"IDAT":
        idat += data[at + 8 : at + 8 + n]
    at += 12 + n
assert depth == 8 and colour == 2
raw, before, count = zlib.decompress(idat), bytearray(3 * w), collections.Counter()
for y in range(h):
    start = y * (3 * w + 1)
    kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + 3 * w])
    for x in range(3 * w):
        a, b, c = row[x - 3] if x > 2 else 0, before[x], before[x - 3] if x > 2 else 0
        p = a + b - c
        near = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
        row[x] = row[x] + (0, a, b, (a + b) // 2, near)[kind] & 255
    count.update(tuple(row[x : x + 3]) for x in range(0, 3 * w, 3))
    before = row
for rgb, n in count.most_common():
    print(",".join(map(str, rgb)), n, sep="\t")
