"""The worker: its life from hello to exit, and the calls in between.

The top of the package: only worker.py imports it. life.py is the course of a worker, runner.py the
calls that it was sent. Below it, each importing only those after it: profiles/, how calls run;
calls/, one call; system/, what is asked of the operating system.
"""
