"""The guard of script jobs: runs programs, and leaves no process of theirs behind.

It runs on any Python 3.10 with nothing but the standard library. src/process/guard on the host
speaks to it.

- guard.py: the program. Accepts a connection for each job, and forks a warden for it.
- warden.py: watches one job: output, limits, stop, end.
- program.py: starts the program of a job.
- job_processes.py: which processes belong to a job; killing.py ends them.
- tree.py: the table of processes from /proc; ps.py: the same on systems without it.
- limits.py: memory, CPU time and number of the processes; streams.py: what a warden carries.
- marks.py: finds processes that nobody watches any more.
- frames.py: the messages between the host and a warden.
- system.py: calls of the kernel that Python lacks.
"""
