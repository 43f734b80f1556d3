from __future__ import annotations

import dataclasses
import json
import pickle
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from snakeden import Device, current_call, device
from snakeden.device import _assigned
from snakeden.environment_names import DEVICE
from snakeden.testing import running_call

ASSIGNED: dict[str, Any] = {
    "id": "cuda:3",
    "kind": "cuda",
    "index": 3,
    "uuid": "GPU-1",
    "name": "NVIDIA L4",
    "memoryBytes": 24_152_899_584,
    "share": 0.25,
    "reservedBytes": None,
}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Read the variable anew in each test."""
    _assigned.cache_clear()
    yield
    _assigned.cache_clear()


def assign(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setenv(DEVICE, json.dumps({**ASSIGNED, **changes}))


def test_device_is_what_the_host_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    assign(monkeypatch)
    assert device() == Device(
        kind="cuda",
        physical="cuda:3",
        uuid="GPU-1",
        name="NVIDIA L4",
        memory_bytes=24_152_899_584,
        share=0.25,
    )
    assert device() is device()
    assert device().index == 0


def test_device_is_read_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assign(monkeypatch)
    first = device()
    monkeypatch.delenv(DEVICE)
    assert device() is first


@pytest.mark.parametrize("empty", [True, False])
def test_device_is_the_processor_if_the_pool_assigns_none(
    monkeypatch: pytest.MonkeyPatch, empty: bool
) -> None:
    if empty:
        monkeypatch.setenv(DEVICE, "")
    else:
        monkeypatch.delenv(DEVICE, raising=False)
    found = device()
    assert found == Device(kind="cpu")
    assert (str(found), found.physical, found.uuid, found.memory_bytes) == ("cpu", "", None, None)
    assert found.share == 1.0


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("cuda", "cuda:0"),
        ("rocm", "cuda:0"),
        ("xpu", "xpu:0"),
        ("mps", "mps"),
        ("cpu", "cpu"),
    ],
)
def test_str_of_a_device_is_the_name_that_torch_takes(
    monkeypatch: pytest.MonkeyPatch, kind: str, name: str
) -> None:
    assign(monkeypatch, kind=kind, id=f"{kind}:7", uuid=None, memoryBytes=None, reservedBytes=5)
    found = device()
    assert str(found) == name
    assert f"{found}" == name
    assert (found.physical, found.memory_bytes, found.reserved_bytes) == (f"{kind}:7", None, 5)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", r"given \{, which is not a device .* \(JSONDecodeError: .*\); only the host may set"),
        ("[]", "TypeError"),
        ("null", "TypeError"),
        ('{"kind":"cuda"}', "KeyError: 'memoryBytes'"),
        (json.dumps({**ASSIGNED, "kind": "gpu"}), "given 'gpu', .* allowed: cuda, rocm, mps, xpu,"),
        (json.dumps({**ASSIGNED, "share": "half"}), "ValueError"),
        (json.dumps({**ASSIGNED, "memoryBytes": []}), "TypeError"),
        (json.dumps({**ASSIGNED, "memoryBytes": float("inf")}), "OverflowError"),
        ("x" * 10_000, r"given x{200}\.\.\., which"),
    ],
)
def test_device_refuses_a_variable_that_no_host_writes(
    monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    monkeypatch.setenv(DEVICE, text)
    with pytest.raises(RuntimeError, match=f"^SNAKEDEN_DEVICE: .*{why}") as caught:
        device()
    assert len(str(caught.value)) < 500


def test_device_is_a_value() -> None:
    one, two = Device(kind="cuda", physical="cuda:0"), Device(kind="cuda", physical="cuda:0")
    assert one == two
    assert {one: 1}[two] == 1
    assert one != Device(kind="cuda", physical="cuda:1")
    assert repr(one).startswith("Device(kind='cuda', physical='cuda:0', ")
    assert pickle.loads(pickle.dumps(one)) == two
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.share = 0.5  # type: ignore[misc]
    with pytest.raises(ValueError, match="kind: given 'gpu', which is unknown; allowed: cuda, "):
        Device(kind="gpu")


def test_running_call_pretends_a_device_until_its_end() -> None:
    outside = device()
    gpu = Device(kind="cuda", physical="cuda:1")
    seen: list[Device] = []
    with running_call(device=gpu):
        assert device() is gpu
        assert current_call().device is gpu
        thread = threading.Thread(target=lambda: seen.append(device()))
        thread.start()
        thread.join()
        with running_call(device=Device(kind="mps")):
            assert str(current_call().device) == "mps"
        with running_call(), pytest.raises(ValueError), running_call(device=Device(kind="xpu")):
            raise ValueError
        with running_call(device=Device(kind="mps")):
            with running_call(device=gpu):
                assert str(device()) == "cuda:0"
            assert str(device()) == "mps"
        assert device() is gpu
    assert seen == [gpu]
    assert device() == outside


def test_running_call_refuses_the_name_of_a_device() -> None:
    text = "device: given 'cuda:0'; allowed: a Device"
    with pytest.raises(TypeError, match=text), running_call(device="cuda:0"):  # type: ignore[arg-type]
        pass
    assert device().physical == ""


# ---- limit_memory ----


def fake_torch(monkeypatch: pytest.MonkeyPatch, *, is_available: bool = True) -> list[Any]:
    limits: list[Any] = []
    cuda = SimpleNamespace(
        is_available=lambda: is_available,
        set_per_process_memory_fraction=lambda *given: limits.append(given),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    return limits


@pytest.mark.parametrize("kind", ["cuda", "rocm"])
def test_limit_memory_limits_torch_to_the_share(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    limits = fake_torch(monkeypatch)
    assert Device(kind=kind, share=0.25).limit_memory()
    assert Device(kind=kind, share=0.25, reserved_bytes=4_000_000_000).limit_memory()
    assert limits == [(0.225, 0), (0.25, 0)]


@pytest.mark.parametrize(
    "given",
    [
        Device(kind="cuda", share=1.0),
        Device(kind="mps", share=0.5),
        Device(kind="xpu", share=0.5),
        Device(share=0.5),
    ],
    ids=str,
)
def test_limit_memory_does_nothing_where_there_is_nothing_to_limit(
    monkeypatch: pytest.MonkeyPatch, given: Device
) -> None:
    limits = fake_torch(monkeypatch)
    assert not given.limit_memory()
    assert limits == []


def test_limit_memory_does_nothing_if_torch_sees_no_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = fake_torch(monkeypatch, is_available=False)
    assert not Device(kind="cuda", share=0.5).limit_memory()
    assert limits == []


@pytest.mark.parametrize("is_blocked", [True, False])
def test_limit_memory_never_imports_torch(
    monkeypatch: pytest.MonkeyPatch, is_blocked: bool
) -> None:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    if is_blocked:
        monkeypatch.setitem(sys.modules, "torch", None)
    assert not Device(kind="cuda", share=0.5).limit_memory()
    assert sys.modules.get("torch") is None
