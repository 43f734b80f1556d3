"""The platform, as a program sees it that runs as a job, or by hand.

`snakeden.connect()` (client.py) returns a client of the host; reports.py hands over the result, the
progress and the artifacts of the program. The twin of src/scripting.

Imports only the standard library, and of that what is used: it must work in any interpreter, and
load in a few milliseconds.
"""
