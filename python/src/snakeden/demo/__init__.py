"""The tools that a host without a configuration serves: the adapter `snakeden.demo`.

tools.py has the tools. csv_profile.py does the work of `profile_csv`, with the other csv_ files as
its parts. Like the adapter of a user, this package imports only the public names of `snakeden`.
"""

# In the order in which the host lists the tools.
from snakeden.demo.tools import (  # isort: skip
    profile_csv,
    ping,
    echo,
    add,
    sleep,
    counter,
    text_stats,
)

__all__ = ["add", "counter", "echo", "ping", "profile_csv", "sleep", "text_stats"]
