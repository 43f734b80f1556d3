"""The tools that a host without a configuration serves: the adapter `snakeden.demo`.

tools.py has the small tools, and csv_profile.py has `profile_csv`; the other files are its parts.
Like the adapter of a user, this package imports only the public names of `snakeden`.
"""

from snakeden.demo.csv_profile import profile_csv

# In the order in which the host lists the tools.
from snakeden.demo.tools import ping, echo, add, sleep, counter, text_stats  # isort: skip

__all__ = ["add", "counter", "echo", "ping", "profile_csv", "sleep", "text_stats"]
