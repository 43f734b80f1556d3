"""The report of each framework, asked by fakes with the functions of the real one that it uses."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from snakeden import Device
from snakeden._link.wire import DeviceUse
from snakeden._worker.device_report import device_uses

NAMES = ("torch", "jax", "tensorflow", "onnxruntime", "cupy")
CUDA = Device(kind="cuda", physical="cuda:0")

Load = Callable[..., None]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Return a function that puts fakes into sys.modules; no framework is loaded before."""
    for name in NAMES:
        monkeypatch.delitem(sys.modules, name, raising=False)

    def put(name: str, module: Any) -> None:
        monkeypatch.setitem(sys.modules, name, module)

    return put


def no(*_args: object) -> Any:
    raise AssertionError("this starts the driver")


def one(device: Device = CUDA) -> DeviceUse:
    (use,) = device_uses(device)
    return use


# ---- torch ----


def torch_with(version: str = "2.15.0", **parts: Any) -> Any:
    built = {"cuda": "13.2", "hip": None, "xpu": None, **parts.pop("built", {})}
    backend = {
        "is_initialized": lambda: False,
        "is_available": no,
        "device_count": lambda: 1,
        "memory_allocated": no,
        "max_memory_allocated": no,
        **parts.pop("backend", {}),
    }
    spaces = {name: SimpleNamespace(**backend) for name in ("cuda", "xpu")}
    return SimpleNamespace(
        __version__=version, version=SimpleNamespace(**built), **{**spaces, **parts}
    )


def test_report_is_empty_without_an_accelerator_and_without_a_framework(load: Load) -> None:
    assert device_uses(CUDA) == []
    load("torch", torch_with())
    assert device_uses(Device(kind="cpu", physical="cpu")) == []
    assert device_uses(Device()) == []


def test_report_tells_a_torch_that_is_built_for_the_processor(load: Load) -> None:
    load("torch", torch_with("2.15.0+cpu", built={"cuda": None}))
    use = DeviceUse(
        "torch", "2.15.0+cpu", state="unable", text="torch 2.15.0+cpu is built without CUDA"
    )
    assert one() == use
    assert one(Device(kind="rocm")).text == "torch 2.15.0+cpu is built without ROCm"
    assert one(Device(kind="xpu")).text == "torch 2.15.0+cpu is built without XPU"


def test_report_tells_a_torch_that_has_nothing_on_the_device(load: Load) -> None:
    load("torch", torch_with())
    use = one()
    assert (use.state, use.memory_bytes) == ("unused", 0)
    assert use.text == "torch 2.15.0 has nothing on the device"


def test_report_tells_a_torch_that_sees_no_device(load: Load) -> None:
    load("torch", torch_with(backend={"device_count": lambda: 0}))
    use = one()
    assert (use.state, use.text) == ("unable", "torch 2.15.0 (CUDA 13.2) sees no device")


def test_report_counts_no_devices_where_that_would_start_the_driver(load: Load) -> None:
    load("torch", torch_with(built={"hip": "7.0", "xpu": "2026"}, backend={"device_count": no}))
    for device in (Device(kind="cuda", uuid="MIG-1"), Device(kind="rocm"), Device(kind="xpu")):
        assert one(device).state == "unused"


@pytest.mark.parametrize("kind", ["cuda", "rocm", "xpu"])
@pytest.mark.parametrize(
    ("allocated", "peak", "state", "nbytes"),
    [(500, 900, "used", 500), (0, 900, "used", 900), (0, 0, "unused", 0)],
)
def test_report_tells_what_torch_has_on_the_device(
    load: Load, kind: str, allocated: int, peak: int, state: str, nbytes: int
) -> None:
    backend = {
        "is_initialized": lambda: True,
        "memory_allocated": lambda: allocated,
        "max_memory_allocated": lambda: peak,
    }
    load("torch", torch_with(built={"hip": "7.0", "xpu": "2026"}, backend=backend))
    use = one(Device(kind=kind))
    assert (use.state, use.memory_bytes) == (state, nbytes)


@pytest.mark.parametrize(
    ("built", "available", "allocated", "state"),
    [
        (False, False, 0, "unable"),
        (True, False, 0, "unable"),
        (True, True, 0, "unused"),
        (True, True, 70, "used"),
    ],
)
def test_report_asks_torch_for_mps(
    load: Load, built: bool, available: bool, allocated: int, state: str
) -> None:
    mps = SimpleNamespace(is_built=lambda: built, is_available=lambda: available)
    load(
        "torch",
        torch_with(
            backends=SimpleNamespace(mps=mps),
            mps=SimpleNamespace(current_allocated_memory=lambda: allocated),
        ),
    )
    use = one(Device(kind="mps"))
    assert (use.state, use.memory_bytes) == (state, allocated)


# ---- jax ----


def jax_with(load: Load, backends: dict[str, Any], stats: Any = None) -> None:
    default = next(iter(backends), "cpu")
    load(
        "jax",
        SimpleNamespace(
            __version__="0.10.2",
            default_backend=lambda: default if backends else no(),
            local_devices=lambda: [SimpleNamespace(memory_stats=lambda: stats)],
        ),
    )
    bridge = SimpleNamespace(
        backends_are_initialized=lambda: bool(backends),
        backends=lambda: backends if backends else no(),
    )
    load("jax._src.xla_bridge", bridge)


@pytest.mark.parametrize(
    ("backends", "stats", "state", "text"),
    [
        ({}, None, "unused", "jax 0.10.2 has not chosen a device"),
        ({"cpu": 1}, None, "unable", "jax 0.10.2 sees only the processor"),
        (
            {"cpu": 1, "cuda": 1},
            None,
            "unused",
            "jax 0.10.2 works on the processor by default, and not on cuda",
        ),
        ({"gpu": 1, "cpu": 1}, None, "used", "jax 0.10.2 works on gpu by default"),
        ({"gpu": 1}, {"limit": 1}, "used", "jax 0.10.2 works on gpu by default"),
        ({"gpu": 1}, {"bytes_in_use": 0}, "unused", "jax 0.10.2 has nothing on the device"),
        ({"gpu": 1}, {"bytes_in_use": 64}, "used", "jax 0.10.2 has something on the device"),
    ],
)
def test_report_tells_the_backend_of_jax(
    load: Load, backends: dict[str, Any], stats: Any, state: str, text: str
) -> None:
    jax_with(load, backends, stats)
    use = one()
    assert (use.state, use.text) == (state, text)
    assert use.memory_bytes == ((stats or {}).get("bytes_in_use") or 0)


def test_report_starts_no_jax_whose_parts_have_moved(load: Load) -> None:
    load("jax", SimpleNamespace(__version__="1.0", default_backend=no))
    load("jax._src.xla_bridge", None)
    assert one().state == "unused"


# ---- tensorflow ----


def tensorflow_with(load: Load, *, built: bool, gpus: list[str] | None, memory: Any = None) -> None:
    """Put a fake; `gpus` is None if it has not been used yet."""
    config = SimpleNamespace(
        list_physical_devices=lambda kind: no() if gpus is None else gpus,
        experimental=SimpleNamespace(get_memory_info=lambda name: memory if name else no()),
    )
    test = SimpleNamespace(is_built_with_cuda=lambda: built, is_built_with_rocm=lambda: built)
    load("tensorflow", SimpleNamespace(__version__="2.21.0", config=config, test=test))
    context = SimpleNamespace(_initialized=gpus is not None)
    load("tensorflow.python.eager.context", SimpleNamespace(_context=context))


@pytest.mark.parametrize(
    ("built", "gpus", "memory", "state", "text"),
    [
        (False, None, None, "unable", "is built without CUDA"),
        (True, None, None, "unused", "has not chosen a device"),
        (True, [], None, "unable", "sees no device"),
        (True, ["g"], {"current": 0, "peak": 0}, "unused", "has nothing on the device"),
        (True, ["g"], {"current": 8, "peak": 9}, "used", "has something on the device"),
        (True, ["g"], {"current": 0, "peak": 9}, "used", "has something on the device"),
    ],
)
def test_report_asks_a_tensorflow_that_has_begun(
    load: Load, built: bool, gpus: list[str] | None, memory: Any, state: str, text: str
) -> None:
    tensorflow_with(load, built=built, gpus=gpus, memory=memory)
    use = one()
    assert (use.state, use.text) == (state, f"tensorflow 2.21.0 {text}")
    for kind in ("mps", "xpu"):
        tensorflow_with(load, built=False, gpus=["x"], memory={"current": 1, "peak": 1})
        assert one(Device(kind=kind)).state == "used"


# ---- onnxruntime ----


class Session:
    def __init__(self, *providers: str) -> None:
        self.providers = providers

    def get_providers(self) -> list[str]:
        return list(self.providers)


class TunedSession(Session):
    """A subclass, as users write it."""


class UnmadeSession(Session):
    def __init__(self) -> None:
        pass


class Proxy:
    """Looks at each object as `isinstance` does would run this."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise AssertionError("a proxy was asked for its class")


def onnxruntime_with(load: Load, *available: str) -> None:
    load(
        "onnxruntime",
        SimpleNamespace(
            __version__="1.32.0",
            InferenceSession=Session,
            get_available_providers=lambda: [*available, "CPUExecutionProvider"],
        ),
    )


def test_report_tells_sessions_that_silently_run_on_the_processor(load: Load) -> None:
    onnxruntime_with(load, "CUDAExecutionProvider")
    kept = [TunedSession("CPUExecutionProvider"), UnmadeSession(), Proxy()]
    use = one()
    assert (use.state, use.version) == ("unused", "1.32.0")
    assert use.text == "onnxruntime 1.32.0 runs its sessions on CPUExecutionProvider"
    assert kept


def test_report_tells_a_build_of_onnxruntime_without_the_device(load: Load) -> None:
    onnxruntime_with(load, "AzureExecutionProvider")
    use = one()
    assert use.state == "unable"
    assert use.text == (
        "onnxruntime 1.32.0 has no session; this build has no CUDAExecutionProvider"
    )
    kept = Session("CPUExecutionProvider")
    use = one(Device(kind="mps"))
    assert use.state == "unable"
    assert use.text == (
        "onnxruntime 1.32.0 runs its sessions on CPUExecutionProvider; "
        "this build has no CoreMLExecutionProvider"
    )
    assert kept


def test_report_tells_sessions_on_the_device(load: Load) -> None:
    onnxruntime_with(load, "CUDAExecutionProvider")
    kept = [
        Session("CPUExecutionProvider"),
        TunedSession("TensorrtExecutionProvider", "CUDAExecutionProvider"),
    ]
    use = one()
    assert use.state == "used"
    assert use.text == "onnxruntime 1.32.0 runs 1 of 2 sessions on TensorrtExecutionProvider"
    assert kept


def test_report_tells_an_onnxruntime_without_sessions(load: Load) -> None:
    onnxruntime_with(load, "CUDAExecutionProvider")
    assert one().text == "onnxruntime 1.32.0 has no session"
    assert one().state == "unused"


# ---- cupy ----


@pytest.mark.parametrize(
    ("is_hip", "kind", "used", "total", "state"),
    [
        (False, "cuda", 0, 0, "unused"),
        (False, "cuda", 512, 1024, "used"),
        (False, "cuda", 0, 1024, "used"),
        (True, "rocm", 512, 512, "used"),
        (True, "cuda", 512, 512, "unable"),
        (False, "mps", 512, 512, "unable"),
    ],
)
def test_report_asks_the_pool_of_cupy(
    load: Load, is_hip: bool, kind: str, used: int, total: int, state: str
) -> None:
    pool = SimpleNamespace(used_bytes=lambda: used, total_bytes=lambda: total)
    load(
        "cupy",
        SimpleNamespace(
            __version__="15.0",
            cuda=SimpleNamespace(runtime=SimpleNamespace(is_hip=is_hip)),
            get_default_memory_pool=lambda: pool,
        ),
    )
    use = one(Device(kind=kind))
    assert use.state == state
    assert use.memory_bytes == ((used or total) if state == "used" else 0)


# ---- whatever frameworks do ----


class Silent(BaseException):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (RuntimeError("no NVIDIA\n driver"), "RuntimeError: no NVIDIA driver"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
        (Silent(), "Silent: <the message is not available: str() of it raised ValueError>"),
    ],
    ids=lambda it: type(it).__name__,
)
def test_report_has_a_text_for_whatever_a_framework_raises(
    load: Load, error: BaseException, text: str
) -> None:
    def fail() -> bool:
        raise error

    load("torch", torch_with(backend={"is_initialized": fail}))
    load("onnxruntime", SimpleNamespace(__version__="1.32.0"))
    torch, onnxruntime = device_uses(CUDA)
    assert torch.state == "unknown"
    assert torch.text == f"torch 2.15.0 could not be asked: {text}"
    assert (onnxruntime.framework, onnxruntime.state) == ("onnxruntime", "unknown")


def test_report_cuts_long_texts(load: Load) -> None:
    def fail() -> bool:
        raise RuntimeError("x" * 10_000)

    load("torch", torch_with("v" * 10_000, backend={"is_initialized": fail}))
    use = one()
    assert len(use.text) == 300
    assert use.text.endswith("xxx...")
    assert len(use.version) == 100


def test_report_keeps_warnings_of_frameworks_to_itself(load: Load) -> None:
    def count() -> int:
        warnings.warn("Can't initialize NVML", stacklevel=2)
        return 0

    load("torch", torch_with(backend={"device_count": count}))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert one().state == "unable"
    assert seen == []


def test_report_names_modules_without_a_version_and_skips_blocked_ones(load: Load) -> None:
    load("torch", None)
    load("cupy", SimpleNamespace())
    assert [(it.framework, it.state, it.version) for it in device_uses(CUDA)] == [
        ("cupy", "unknown", "")
    ]


def test_report_never_imports_a_lazy_module(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torch.py").write_text("raise AssertionError('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.loader is not None
    loader = importlib.util.LazyLoader(spec.loader)
    spec.loader = loader
    module = importlib.util.module_from_spec(spec)
    load("torch", module)
    loader.exec_module(module)
    assert device_uses(CUDA) == []
