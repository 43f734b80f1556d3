"""One call in a worker, from the message that brings it to the message that answers it.

Knows no profile: who runs calls, and how many at once, is decided in `_worker/profiles`. streams.py
drives results that take time, error_report.py describes failures, deadlines.py watches the clock.
"""
