"""The link to the host: messages, the carriers that bring them, and shared memory.

Imports `_values` and the public names of `snakeden`; knows neither tools nor calls. link.py has the
interface of carriers, socket_link.py and grpc_link.py are the two. outbox.py gathers what is to be
sent, wire.py makes messages of it. slab.py is the shared memory. gen/ is made from proto/.
"""
