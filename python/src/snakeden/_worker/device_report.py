"""The use that loaded frameworks make of the device of this worker, for the `Ready` message.

A framework that silently works on the processor is the usual reason why a GPU does nothing. So each
framework that the adapter has imported is asked whether it has something on the device. Asking must
not change anything: it imports no module, and starts no driver, since a process that has started
CUDA cannot be forked any more. Whatever a framework raises becomes a text of the report.
"""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from snakeden._link.wire import DeviceUse
from snakeden._worker.calls.exceptions import safe_text

if TYPE_CHECKING:
    from snakeden.device import Device

__all__ = ["device_uses"]

_MAX_TEXT: Final = 300

_BRANDS: Final = {"cuda": "CUDA", "rocm": "ROCm", "mps": "MPS", "xpu": "XPU"}

_PROVIDERS: Final = {
    "cuda": (
        "CUDAExecutionProvider",
        "TensorrtExecutionProvider",
        "NvTensorRTRTXExecutionProvider",
    ),
    "rocm": ("MIGraphXExecutionProvider", "ROCMExecutionProvider"),
    "mps": ("CoreMLExecutionProvider",),
    "xpu": ("OpenVINOExecutionProvider",),
}
"""The execution providers of onnxruntime that use a device, the usual one first."""


class _Finding(NamedTuple):
    state: str
    text: str
    memory_bytes: int = 0


def device_uses(device: Device) -> list[DeviceUse]:
    """Ask each framework that is loaded; returns nothing for the processor."""
    if device.kind not in _BRANDS:
        return []
    return [
        _use_of(name, device, ask=ask)
        for name, ask in _FRAMEWORKS.items()
        if _is_loaded(sys.modules.get(name))
    ]


def _is_loaded(module: object) -> bool:
    # A module of `importlib.util.LazyLoader` would be imported by the first look at it.
    return module is not None and type(module).__module__ != "importlib.util"


def _use_of(name: str, device: Device, *, ask: Callable[[Any, Device], _Finding]) -> DeviceUse:
    module: Any = sys.modules[name]
    version = ""
    try:
        version = str(module.__version__)[:100]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            finding = ask(module, device)
    except BaseException as error:
        why = " ".join(safe_text(error).split())
        finding = _Finding("unknown", f"could not be asked: {type(error).__name__}: {why}")
    text = f"{name} {version} {finding.text}" if version else f"{name} {finding.text}"
    return DeviceUse(
        framework=name,
        version=version,
        state=finding.state,
        text=text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 3]}...",
        memory_bytes=finding.memory_bytes,
    )


def _held(memory_bytes: int) -> _Finding:
    if memory_bytes > 0:
        return _Finding("used", "has something on the device", memory_bytes)
    return _Finding("unused", "has nothing on the device")


# ---- torch ----


def _ask_torch(torch: Any, device: Device) -> _Finding:
    brand = _BRANDS[device.kind]
    if device.kind == "mps":
        if not torch.backends.mps.is_built():
            return _Finding("unable", f"is built without {brand}")
        if not torch.backends.mps.is_available():
            return _Finding("unable", "sees no device")
        return _held(int(torch.mps.current_allocated_memory()))
    version = torch.version
    built = {"cuda": "cuda", "rocm": "hip", "xpu": "xpu"}[device.kind]
    if getattr(version, built, None) is None:
        return _Finding("unable", f"is built without {brand}")
    backend = torch.xpu if device.kind == "xpu" else torch.cuda
    if backend.is_initialized():
        # The peak counts too, since a warm-up in setup() may have returned everything.
        return _held(int(backend.memory_allocated() or backend.max_memory_allocated()))
    # Counted without a start of the driver, except for MIG instances and other kinds.
    is_countable = device.kind == "cuda" and not (device.uuid or "").startswith("MIG-")
    if is_countable and torch.cuda.device_count() == 0:
        return _Finding("unable", f"(CUDA {version.cuda}) sees no device")
    return _held(0)


# ---- jax ----


def _ask_jax(jax: Any, _device: Device) -> _Finding:
    # No public function says this without a start of the backends.
    bridge: Any = sys.modules.get("jax._src.xla_bridge")
    if bridge is None or not bridge.backends_are_initialized():
        return _Finding("unused", "has not chosen a device")
    if jax.default_backend() == "cpu":
        others = sorted(it for it in bridge.backends() if it != "cpu")
        if not others:
            return _Finding("unable", "sees only the processor")
        return _Finding("unused", f"works on the processor by default, and not on {others[0]}")
    stats = jax.local_devices()[0].memory_stats()
    if stats is None or "bytes_in_use" not in stats:
        return _Finding("used", f"works on {jax.default_backend()} by default")
    return _held(int(stats["bytes_in_use"]))


# ---- tensorflow ----


def _ask_tensorflow(tensorflow: Any, device: Device) -> _Finding:
    built = {"cuda": "is_built_with_cuda", "rocm": "is_built_with_rocm"}.get(device.kind)
    if built is not None and not getattr(tensorflow.test, built)():
        return _Finding("unable", f"is built without {_BRANDS[device.kind]}")
    eager: Any = sys.modules.get("tensorflow.python.eager.context")
    context = getattr(eager, "_context", None)
    if context is None or not context._initialized:
        return _Finding("unused", "has not chosen a device")
    kind = "XPU" if device.kind == "xpu" else "GPU"
    if not tensorflow.config.list_physical_devices(kind):
        return _Finding("unable", "sees no device")
    memory = tensorflow.config.experimental.get_memory_info(f"{kind}:0")
    return _held(int(memory["current"] or memory["peak"]))


# ---- onnxruntime ----


def _ask_onnxruntime(onnxruntime: Any, device: Device) -> _Finding:
    wanted = _PROVIDERS[device.kind]
    is_offered = not set(wanted).isdisjoint(onnxruntime.get_available_providers())
    state = "unused" if is_offered else "unable"
    lack = "" if is_offered else f"; this build has no {wanted[0]}"
    sessions = _instances(onnxruntime.InferenceSession)
    providers = [names for it in sessions if (names := _providers_of(it))]
    if not providers:
        return _Finding(state, f"has no session{lack}")
    on_device = [used[0] for it in providers if (used := [name for name in it if name in wanted])]
    if on_device:
        count = f"{len(on_device)} of {len(providers)} sessions"
        return _Finding("used", f"runs {count} on {on_device[0]}")
    others = sorted({name for it in providers for name in it})
    return _Finding(state, f"runs its sessions on {', '.join(others)}{lack}")


def _instances(cls: type) -> list[Any]:
    """Return the objects of a class that are alive. Unlike `isinstance()`, it asks no object for
    its `__class__`, which proxies answer by code of the user.
    """
    return [it for it in gc.get_objects() if issubclass(type(it), cls)]


def _providers_of(session: Any) -> list[str]:
    try:
        return list(session.get_providers())
    except (AttributeError, TypeError):
        return []  # It could not be made, and a traceback holds what there is of it.


# ---- cupy ----


def _ask_cupy(cupy: Any, device: Device) -> _Finding:
    kind = "rocm" if cupy.cuda.runtime.is_hip else "cuda"
    if kind != device.kind:
        return _Finding("unable", f"is built for {_BRANDS[kind]}, not for {_BRANDS[device.kind]}")
    pool = cupy.get_default_memory_pool()
    return _held(int(pool.used_bytes() or pool.total_bytes()))


_FRAMEWORKS: Final[dict[str, Callable[[Any, Device], _Finding]]] = {
    "torch": _ask_torch,
    "jax": _ask_jax,
    "tensorflow": _ask_tensorflow,
    "onnxruntime": _ask_onnxruntime,
    "cupy": _ask_cupy,
}
