from __future__ import annotations

import json

from snakeden import Device
from snakeden._worker import exit_status
from tests.fake_host import FakeHost

ASSIGNED = {
    "id": "cuda:3",
    "kind": "cuda",
    "index": 3,
    "uuid": "GPU-1",
    "name": "NVIDIA L4",
    "memoryBytes": None,
    "share": 0.5,
    "reservedBytes": 1_000,
}
ENV = {"SNAKEDEN_DEVICE": json.dumps(ASSIGNED)}


def test_worker_sees_its_device_everywhere(host: FakeHost) -> None:
    worker = host.start("sees_its_device", env=ENV)
    seen = worker.link.run("places")
    assert seen.pop("setup") == "cuda:0"
    assert set(seen) == {"import", "tool", "call", "thread", "spawn", "fork"}
    device = Device(
        kind="cuda",
        physical="cuda:3",
        uuid="GPU-1",
        name="NVIDIA L4",
        share=0.5,
        reserved_bytes=1_000,
    )
    assert set(seen.values()) == {repr(device)}
    assert worker.stop() == exit_status.OK


def test_worker_tells_the_host_for_which_device_it_was_started(host: FakeHost) -> None:
    assert host.connect(env=ENV).link.expect("hello").device == "cuda:3"
    assert host.connect(env={"SNAKEDEN_DEVICE": ""}).link.expect("hello").device == ""


def test_worker_with_a_wrong_device_serves_tools_that_do_not_ask_for_it(host: FakeHost) -> None:
    worker = host.start("sees_its_device", env={"SNAKEDEN_DEVICE": "{"})
    assert worker.link.run("at_import").startswith("SNAKEDEN_DEVICE: given {, which is not a")
    worker.link.call(2, "places")
    error = worker.link.expect("failure").error
    assert error.code == "python_exception"
    assert "raised RuntimeError: SNAKEDEN_DEVICE: given {, which" in error.message
    assert worker.stop() == exit_status.OK


def test_worker_reports_what_uses_its_device_when_it_is_ready(host: FakeHost) -> None:
    loads = {"LOADS": "torch=cpu,onnxruntime=cpu"}
    worker = host.connect(env={**ENV, **loads})
    worker.link.expect("hello")
    worker.welcome("loads_frameworks")
    uses = worker.link.expect("ready").device_uses
    assert [(it.framework, it.version, it.state, it.memory_bytes) for it in uses] == [
        ("torch", "2.15.0+cpu", "unable", 0),
        ("onnxruntime", "1.32.0", "unused", 0),
    ]
    assert [it.text for it in uses] == [
        "torch 2.15.0+cpu is built without CUDA",
        "onnxruntime 1.32.0 runs its sessions on CPUExecutionProvider",
    ]
    assert worker.link.run("loaded") == ["torch", "onnxruntime"]


def test_worker_starts_whatever_a_framework_raises(host: FakeHost) -> None:
    worker = host.connect(env={**ENV, "LOADS": "torch=raises"})
    worker.link.expect("hello")
    worker.welcome("loads_frameworks")
    (use,) = worker.link.expect("ready").device_uses
    assert (use.state, use.text) == (
        "unknown",
        "torch 2.15.0 could not be asked: SystemExit: no driver at all",
    )
    assert worker.stop() == exit_status.OK


def test_worker_on_the_processor_reports_nothing(host: FakeHost) -> None:
    for env in ({}, {"SNAKEDEN_DEVICE": json.dumps({**ASSIGNED, "id": "cpu", "kind": "cpu"})}):
        worker = host.connect(env={**env, "LOADS": "torch=used"})
        worker.link.expect("hello")
        worker.welcome("loads_frameworks")
        assert not worker.link.expect("ready").device_uses
