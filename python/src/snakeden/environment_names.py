"""Names of the environment variables that the host sets for a worker, in one place."""

from typing import Final

ADDRESS: Final = "SNAKEDEN_ADDRESS"
"""The address of the host. Removed at once, so that neither tools nor their children see it."""
TOKEN: Final = "SNAKEDEN_TOKEN"
"""The token for the hello. Removed like the address."""
OUTPUT_MARK: Final = "SNAKEDEN_OUTPUT_MARK"
"""The nonce of the marks in the output (system/output.py). Removed like the address."""
DEV: Final = "SNAKEDEN_DEV"
"""Set if the files of the worker are watched. Removed like the address."""
WORKER_ID: Final = "SNAKEDEN_WORKER_ID"
"""The id of the worker, which tools may read."""
RUN_ID: Final = "SNAKEDEN_RUN_ID"
"""The mark by which the host finds its processes, those of tools too; never read here."""
DEVICE: Final = "SNAKEDEN_DEVICE"
"""The device of the worker as JSON (device.py), which stays for its children; unset without one."""
