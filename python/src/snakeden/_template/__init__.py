"""The launcher `prefork`: processes that start workers by forks, in place of fresh interpreters.

The host starts worker.py with `SNAKEDEN_TEMPLATE` in its environment. That process becomes the
reaper, which runs no code of users. It forks the template, which imports what the pool preloads,
and forks the workers. In such a fork, `become_worker` returns, and worker.py goes on as in a worker
that was spawned. src/pool/workers/launchers/template on the host speaks to them.

- reaper.py: ends with the host, starts templates, and carries the output of workers.
- template.py: preloads, and forks.
- exits.py: takes the statuses of workers that have ended.
- dangers.py: what forbids a fork; reseed.py: what each fork must have for itself.
- relay.py: one pipe of a worker; messages.py: what is said to the host.
"""

from __future__ import annotations

import json

from snakeden._template.reaper import Reaper
from snakeden._template.template import Fork, Template, TemplateSettings

__all__ = ["Fork", "become_worker"]


def become_worker(settings: str) -> Fork:
    """Serve as a reaper or as a template. Returns in each worker that is forked."""
    reaper = Reaper()
    # Returns in each template that is forked.
    place = reaper.run()
    template = Template(TemplateSettings(**json.loads(settings)), place)
    return template.run()
