"""What a worker asks of the operating system: to die with its host, to be bounded, to be measured.

Imports nothing of the rest of the package but the messages of the link.
"""
