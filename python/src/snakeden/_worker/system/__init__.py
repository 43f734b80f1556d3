"""The worker and the operating system: ending with the host, resource limits, and measurements.

Imports only the public names of the package and the messages of the link. output.py handles the
streams that the host reads; forked_child.py and last_steps.py end a process.
"""
