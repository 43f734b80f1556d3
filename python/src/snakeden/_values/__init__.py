"""Values: from Python objects to JSON with tags and buffers, and back.

Knows neither the link nor tools. values.py encodes and decodes. lowering.py handles values that
need more than JSON; arrays.py and tables.py do so for the types of numpy and pandas. protocols.py,
type_name.py, text_classes.py and durations.py handle details of single types.
"""
