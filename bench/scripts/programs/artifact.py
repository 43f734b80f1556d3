"""Leaves an artifact of as many bytes as its argument says, and tells when it is written."""

import os
import sys
import time

import snakeden

CHUNK = 1 << 20
size = int(sys.argv[1])
with open(snakeden.artifact_path("large.bin"), "wb") as file:
    for at in range(0, size, CHUNK):
        # Other bytes each time, since equal ones are kept once.
        file.write(os.urandom(64) * (CHUNK // 64))
    file.truncate(size)
snakeden.progress({"written": time.time()})
