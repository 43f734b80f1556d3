"""The guard of script jobs: runs programs, and leaves no process of theirs behind.

It runs on any Python 3.10 with nothing but the standard library. src/process/guard on the host
speaks to it.

- guard.py: the program. Accepts a connection for each job, and forks a warden for it.
- warden.py: watches one job: output, limits, stop, end.
- program.py: starts the program of a job.
- killing.py: ends every process below one; tree.py finds them in /proc.
- limits.py: memory, CPU time and number of the processes; streams.py: what a warden carries.
- marks.py: finds processes that nobody watches any more.
- frames.py: the messages between the host and a warden.
- system.py: calls of the kernel that Python lacks.
"""
