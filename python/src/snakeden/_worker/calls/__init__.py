"""One call in a worker, from the message that brings it to the message that answers it.

Knows no profile: `_worker/profiles` decides where calls run, and how many at once. attempt.py is
the call, and in_flight.py has its states. execution.py takes a call from its arguments to its
answer; drive.py and streams.py handle results that take time. error_report.py describes failures,
deadlines.py watches deadlines, and interruption.py is the contract for stopping a call.
"""
