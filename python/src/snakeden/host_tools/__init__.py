"""The host tools that a call may use: `current_call().tools` has them by name."""

from snakeden.host_tools.info import HostToolInfo
from snakeden.host_tools.streams import AsyncHostStream, HostStream
from snakeden.host_tools.tools import HostTool, HostTools

__all__ = ["AsyncHostStream", "HostStream", "HostTool", "HostToolInfo", "HostTools"]
