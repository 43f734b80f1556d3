"""Names of the environment variables by which the host speaks to a worker, in one place."""

from typing import Final

ADDRESS: Final = "SNAKEDEN_ADDRESS"
"""Where the host listens. Removed at once, so that neither tools nor their children see it."""
TOKEN: Final = "SNAKEDEN_TOKEN"
"""What the hello must carry. Removed like the address."""
OUTPUT_MARK: Final = "SNAKEDEN_OUTPUT_MARK"
"""The nonce of the marks in the output (system/output.py). Removed like the address."""
WORKER_ID: Final = "SNAKEDEN_WORKER_ID"
"""The id of the worker, which tools may read."""
RUN_ID: Final = "SNAKEDEN_RUN_ID"
"""By which the host finds its processes, those of tools too; never read here."""
