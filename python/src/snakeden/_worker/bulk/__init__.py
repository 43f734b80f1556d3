"""Bulk calls: one call of the link that runs its tool for many items, one after the other.

execution.py runs the items, each as a call of its own (item.py), and outcomes.py sends what came of
them while others run. bulk.py is what the reader of the link and the watch over deadlines see of a
bulk call, and texts.py has the texts that items and outcomes are sent as. A profile runs bulk calls
by `BulkExecution` as it runs other calls by `Execution`.
"""
