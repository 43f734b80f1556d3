"""One call in a worker, from the message that brings it to the message that answers it.

Knows no profile: who runs calls, and how many at once, is decided in `_worker/profiles`.
in_flight.py has the states of a call, attempt.py the call itself. execution.py are the steps from
arguments to answer, drive.py and streams.py those for results that take time. error_report.py
describes failures, deadlines.py watches the clock, interruption.py is how a call is stopped.
"""
