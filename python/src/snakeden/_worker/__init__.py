"""The worker: its life from hello to exit, and the calls in between.

The top of the package: imports all other folders but `demo`, and only worker.py imports it. life.py
is the course of a worker; runner.py the calls, with streams.py for results that are driven, and
error_report.py for failures; profiles/ how calls run; system/ what it asks of the operating system.
"""
