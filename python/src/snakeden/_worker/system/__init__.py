"""What a worker asks of the operating system: to die with its host, to be bounded, to be measured.

Imports the public names and the messages of the link, and nothing else of the package. output.py
are the streams that the host reads; forked_child.py and last_steps.py how a process leaves.
"""
