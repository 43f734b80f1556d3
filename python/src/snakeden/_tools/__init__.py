"""Tools: find the adapter, read the hints of its tools, check and convert arguments.

Imports `_values` and the public names of `snakeden`; knows neither the link nor calls.
adapter_loader.py finds the tools, schema.py has everything about one tool, convert.py fills a hint
from a value, issues.py words what does not fit, json_schema.py describes tools for callers.
"""
