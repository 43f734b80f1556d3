"""The link to the host: messages, the carriers that transport them, and shared memory.

Imports only `_values` and the public names of `snakeden`; knows neither tools nor calls. link.py is
the interface of a carrier; socket_link.py and grpc_link.py implement it. wire.py encodes messages,
and outbox.py sends them in batches. slab.py is the shared memory. gen/ is generated from proto/.
"""
