"""Tools: loading the adapter, reading type hints, and checking and converting arguments.

Imports only `_values` and the public names of `snakeden`; knows neither the link nor calls.
adapter_loader.py finds the tools, schema.py holds all facts about one tool, convert.py converts a
value to the type of its hint, issues.py explains values that do not fit, and json_schema.py
describes tools to callers.
"""
