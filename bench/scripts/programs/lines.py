"""Prints as many bytes as its argument says, in lines of 100."""

import sys

part = (b"x" * 99 + b"\n") * 10_000
left = int(sys.argv[1])
while left > 0:
    sys.stdout.buffer.write(part)
    left -= len(part)
sys.stdout.buffer.flush()
