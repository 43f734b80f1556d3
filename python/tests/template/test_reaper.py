"""Tests of the reaper, which ends with its host."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from snakeden import environment_names as names
from tests.fake_host import SOURCES, wait_for

SETTINGS = '{"preload": [], "adapters": ["none"], "modulePaths": [], "carrier": "socket"}'


def test_a_host_that_ends_with_messages_unread_ends_the_reaper_and_its_group(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    reaper = subprocess.Popen(
        [sys.executable, str(SOURCES / "snakeden" / "worker.py")],
        env={**os.environ, names.TEMPLATE: SETTINGS, names.TEMPLATE_SOCKET: str(path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with reaper:
        assert reaper.stdout is not None
        assert reaper.stdout.readline() == b"ready\n"
        host = socket.socket(socket.AF_UNIX)
        host.connect(str(path))
        host.sendall(b'control\n{"template": {"generation": 1}}\n')
        # Its messages wait, and are never read.
        wait_for(lambda: b'"ready"' in host.recv(1 << 16, socket.MSG_PEEK), "it is ready")
        host.close()
        # Killed with its group, and not ended by an exception, which would leave the group behind.
        assert reaper.wait(20) == -9
        assert reaper.stderr is not None
        assert reaper.stderr.read() == b""
