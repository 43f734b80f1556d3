"""The worker: its life from hello to exit, and the calls in between.

This is the top of the package: only worker.py imports it. life.py is the life of a worker, and
runner.py receives its calls. Below them are profiles/ (how calls run), calls/ (one call) and
system/ (the operating system); each imports only those after it.
"""
