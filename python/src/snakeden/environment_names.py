"""Names of the environment variables that the host sets for a worker, in one place."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ADDRESS: Final = "SNAKEDEN_ADDRESS"
"""The address of the host. Removed at once, so that neither tools nor their children see it."""
TOKEN: Final = "SNAKEDEN_TOKEN"
"""The token for the hello. Removed like the address."""
OUTPUT_MARK: Final = "SNAKEDEN_OUTPUT_MARK"
"""The nonce of the marks in the output (system/output.py). Removed like the address."""
OWN_GROUP: Final = "SNAKEDEN_OWN_GROUP"
"""Set if a wrapper leads the process group of the worker (system/host_guard.py). Removed like the
address."""
DEV: Final = "SNAKEDEN_DEV"
"""Set if the files of the worker are watched. Removed like the address."""
TEMPLATE: Final = "SNAKEDEN_TEMPLATE"
"""Set if the process forks workers (_template): what it preloads, as JSON. Removed at once."""
TEMPLATE_SOCKET: Final = "SNAKEDEN_TEMPLATE_SOCKET"
"""The path of the socket of such a process. Removed at once."""
WORKER_ID: Final = "SNAKEDEN_WORKER_ID"
"""The id of the worker, which tools may read."""
RUN_ID: Final = "SNAKEDEN_RUN_ID"
"""The mark by which the host finds its processes, those of tools too; never read here."""
THREAD_CHECKS: Final = "SNAKEDEN_THREAD_CHECKS"
"""The `threadChecks` of the pool; unset in profiles that run one call at a time."""
DEVICE: Final = "SNAKEDEN_DEVICE"
"""The device of the worker as JSON (device.py), which stays for its children; unset without one."""

# ---- those of a program that runs as a job, or by hand; TOKEN is that of its attempt ----

URL: Final = "SNAKEDEN_URL"
"""The address of the host."""
API_KEY: Final = "SNAKEDEN_API_KEY"
"""The key of a program that is run by hand."""
JOB_ID: Final = "SNAKEDEN_JOB_ID"
"""The id of the job."""
RESULT: Final = "SNAKEDEN_RESULT"
"""The path of the file that takes the result, as JSON."""
ARTIFACTS: Final = "SNAKEDEN_ARTIFACTS"
"""The folder whose files are kept with the job."""
