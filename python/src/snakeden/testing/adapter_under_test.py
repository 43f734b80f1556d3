"""Run the tools of an adapter as a worker does: loaded by name, set up, and with arguments that are
checked and converted by the hints. Needs the packages of a worker, such as msgspec.
"""

from __future__ import annotations

import asyncio
import difflib
import inspect
import sys
import threading
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from types import ModuleType, TracebackType
from typing import Any

from snakeden._tools.adapter_loader import LoadedAdapter, LoadedTool
from snakeden._tools.adapter_loader import load_adapter as load_by_name
from snakeden._values.protocols import has, is_lazy
from snakeden._values.values import decode, encode
from snakeden._worker.inputs.stream import InputStream
from snakeden.errors import AdapterError
from snakeden.testing import RunningCall, running_call
from snakeden.testing.in_threads import in_threads
from snakeden.testing.pretended_inputs import PretendedInputs

__all__ = ["AdapterUnderTest", "load_adapter"]


class AdapterUnderTest:
    """The tools of adapters that are loaded and set up. Close it, or use it in a `with` block, to
    run their `teardown()`.
    """

    def __init__(self, names: Sequence[str], *, module_paths: Sequence[str], expose: Sequence[str]):
        self.call: RunningCall | None = None
        """The last call, with its `reports`, `variables` and `programs`."""
        self._own = threading.local()
        """The event loop of each thread: the calls of one do not wait for those of another."""
        self._loops: list[asyncio.AbstractEventLoop] = []
        self._searched = (sys.path[:], sys.meta_path[:])
        try:
            self._adapter: LoadedAdapter = load_by_name(
                names, module_paths, expose=expose, complete=self._complete
            )
            self._set_up()
        except BaseException:
            self._leave()
            raise

    @property
    def tools(self) -> list[str]:
        """The names of the tools, sorted."""
        return sorted(self._adapter.tools)

    def run(self, tool: str, args: Mapping[str, Any] | None = None, **call: Any) -> Any:
        """Run a tool and return its result as a caller gets it: a tuple is a list, a dataclass a
        dict. The items of a tool that streams are returned as one list.

        An iterator among the arguments is an input stream. `call` takes what
        `snakeden.testing.running_call` takes, such as `session` and `tools`.

        Raises:
            ArgumentsError: The arguments do not fit the hints; there is an issue for each field.
            LookupError: There is no such tool.
        """
        return copy_context().run(self._run, tool, args, call=call)

    def run_in_threads(
        self,
        tool: str,
        args: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        *,
        threads: int = 8,
        times: int = 10,
        **call: Any,
    ) -> list[Any]:
        """Run a tool in several threads at once, as a pool with the profile `thread` does, with the
        checks of `@not_thread_safe` on. Threads take turns far more often than usual, so that races
        show up. Return the results in the order of the calls.

        def test_visit_counts_every_call(load_adapter):
            pages = load_adapter("pages:Pages")
            counts = pages.run_in_threads("visit", {"url": "https://example.org"})
            assert sorted(counts) == list(range(1, 81))

        Args:
            tool: The name of the tool.
            args: The arguments of every call, or a list with those of each.
            threads: The number of threads.
            times: The calls of each thread, unless `args` is a list.
            **call: See `run`.

        Raises:
            AdapterError: The adapter does not declare `thread_safe = True`.
            OverlapError: Two calls overlap that are marked `@not_thread_safe`.
            BaseException: What the tool raises first.
        """
        if problems := self._adapter.undeclared():
            raise AdapterError(f"cannot run '{tool}' in threads: {'; '.join(problems)}")
        each = [args] * (threads * times) if args is None or isinstance(args, Mapping) else args
        return in_threads([partial(self.run, tool, it, **call) for it in each], threads=threads)

    def stream(
        self, tool: str, args: Mapping[str, Any] | None = None, **call: Any
    ) -> Generator[Any, None, Any]:
        """Run a tool and yield its items as it makes them; return what its generator returns. A
        tool that does not stream yields its result. Closing the generator closes that of the tool.

        For `call`, and for what it raises, see `run`.
        """
        # In a context of its own, so that the test is not inside of the call between two items.
        context = copy_context()
        steps = context.run(self._stream, tool, args, call=call)
        try:
            while True:
                try:
                    item = context.run(next, steps)
                except StopIteration as end:
                    return end.value
                yield item
        finally:
            context.run(steps.close)

    def close(self) -> None:
        """Run `teardown()`, and close the event loop of the tools."""
        try:
            self._adapter.teardown()
        finally:
            self._leave()

    def __enter__(self) -> AdapterUnderTest:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _set_up(self) -> None:
        try:
            self._adapter.set_up()
        except BaseException:
            self._adapter.teardown()
            raise

    def _run(self, tool: str, args: Mapping[str, Any] | None, *, call: dict[str, Any]) -> Any:
        with running_call(tool=tool, **call) as running:
            self.call = running
            returned = self._settled(*self._begun(tool, args, call=running))
            if has(type(returned), "__anext__") and not has(type(returned), "__next__"):
                return self._complete(_collected(returned))
            if isinstance(returned, _Value):
                return _travelled(returned.value, "result")
            return [_travelled(it, "chunk") for it in _closing(returned)]

    def _stream(
        self, tool: str, args: Mapping[str, Any] | None, *, call: dict[str, Any]
    ) -> Generator[Any, None, Any]:
        with running_call(tool=tool, **call) as running:
            self.call = running
            returned = self._settled(*self._begun(tool, args, call=running))
            if isinstance(returned, _Value):
                result = _travelled(returned.value, "result")
                yield result
                return result
            if has(type(returned), "__anext__") and not has(type(returned), "__next__"):
                returned = self._stepwise(returned)
            items = _closing(returned)
            while True:
                try:
                    item = next(items)
                except StopIteration as end:
                    return _travelled(end.value, "result")
                yield _travelled(item, "chunk")

    def _begun(
        self, name: str, args: Mapping[str, Any] | None, *, call: RunningCall
    ) -> tuple[LoadedTool, Any]:
        """Check the arguments and call the function; return what it returns."""
        tool = self._adapter.tools.get(name)
        if tool is None:
            near = difflib.get_close_matches(name, self.tools, n=1)
            end = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(self.tools)}"
            raise LookupError(f"there is no tool {name!r}; {end}")
        inputs = PretendedInputs(name, args or {})
        call.at_end(inputs.close)
        json, tagged, buffers = inputs.encoded_args()
        positional, named = tool.parse(
            json,
            tagged,
            buffers=list(map(bytes, buffers)),
            open_input=partial(InputStream, inputs),
            opened=lambda stream: call.at_end(stream.close),
        )
        return tool, tool.function(*positional, **named)

    def _settled(self, tool: LoadedTool, returned: Any) -> Any:
        """Await what a tool returned; return an iterator of its items, or its value."""
        while is_lazy(returned, streams=tool.schema.streams):
            kind = type(returned)
            if has(kind, "__next__", "__anext__"):
                return returned
            if has(kind, "__await__"):
                returned = self._complete(_awaited(returned))
            elif has(kind, "__aiter__"):
                returned = aiter(returned)
            else:
                return iter(returned)
        return _Value(returned)

    def _stepwise(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        try:
            while True:
                try:
                    item = self._complete(_awaited(items.__anext__()))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            aclose = getattr(items, "aclose", None)
            if callable(aclose):
                self._complete(_awaited(aclose()))

    def _complete(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end on the loop of the tools in this thread."""
        loop = getattr(self._own, "loop", None)
        if loop is None:
            loop = self._own.loop = asyncio.new_event_loop()
            self._loops.append(loop)
        run = loop.run_until_complete
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return run(coroutine)
        # An asynchronous test: a thread can have one running loop only.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(copy_context().run, run, coroutine).result()

    def _leave(self) -> None:
        for loop in self._loops:
            self._own.loop = loop
            self._complete(_emptied(loop))
            loop.close()
        self._loops.clear()
        self._own = threading.local()
        sys.path[:], sys.meta_path[:] = self._searched


class _Value:
    """A result that is neither an iterator nor to be awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value


def load_adapter(
    *adapters: str | type | ModuleType,
    module_paths: Sequence[str] = (),
    expose: Sequence[str] = (),
) -> AdapterUnderTest:
    """Load adapters and set them up, as a worker does.

    with load_adapter("texts:Texts") as texts:
        assert texts.run("classify", {"text": "a good day"}) == "happy"

    Args:
        adapters: Each as a pool names it, `module`, `module:Class` or `package.*`; or the class, or
            the module, itself.
        module_paths: Folders to search before `sys.path`, until it is closed.
        expose: The functions to expose, as the key of a pool.

    Raises:
        AdapterError: One cannot be served.
    """
    names = [it if isinstance(it, str) else _name_of(it) for it in adapters]
    return AdapterUnderTest(names, module_paths=module_paths, expose=expose)


def _name_of(adapter: object) -> str:
    if inspect.ismodule(adapter):
        return adapter.__name__
    if not inspect.isclass(adapter):
        raise TypeError(
            f"adapters: given {adapter!r}; allowed: the name of an adapter, a class or a module"
        )
    if "<locals>" in adapter.__qualname__:
        raise TypeError(
            f"adapters: given {adapter.__qualname__}, a class inside of a function, which no "
            "worker could import; allowed: a class of a module"
        )
    return f"{adapter.__module__}:{adapter.__qualname__}"


def _travelled(value: object, where: str) -> Any:
    """Return a value as the other side gets it."""
    return decode(encode(value, where=where), where)


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


async def _emptied(loop: asyncio.AbstractEventLoop) -> None:
    """End what tools have left on the loop."""
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await loop.shutdown_asyncgens()


async def _collected(items: AsyncIterator[Any]) -> list[Any]:
    try:
        return [_travelled(it, "chunk") async for it in items]
    finally:
        aclose: Callable[[], Awaitable[None]] | None = getattr(items, "aclose", None)
        if aclose is not None:
            await aclose()


def _closing(items: Iterator[Any]) -> Generator[Any, None, Any]:
    """Yield items, and close their iterator whatever happens."""
    try:
        while True:
            try:
                item = next(items)
            except StopIteration as end:
                return end.value
            yield item
    finally:
        close = getattr(items, "close", None)
        if callable(close):
            close()
