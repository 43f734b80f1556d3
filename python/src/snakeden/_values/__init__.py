"""Values: from Python objects to JSON with tags and buffers, and back.

Knows neither the link nor tools. values.py encodes and decodes. lowering.py handles values that
need more than JSON, with arrays.py and tables.py for the types of numpy and pandas. protocols.py,
type_name.py, text_classes.py and durations.py answer questions about single types.
"""
