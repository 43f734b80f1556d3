"""Plain functions that answer a tool in a test as host tools would."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from difflib import get_close_matches
from typing import Any, Final

from snakeden._values.packing import pack, unpack
from snakeden.errors import HostError
from snakeden.running_loop import running_loop

__all__ = ["PretendedTools"]

Settle = Callable[[Awaitable[Any]], Awaitable[Any]]
"""Waits for what an asynchronous function has returned."""
Run = Callable[[Settle], Coroutine[Any, Any, Any]]
_END: Final = object()


class _LoopThread:
    """An event loop on a thread of its own, for asynchronous functions that tools call without
    `await`. Started when first needed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Wait for an awaitable, and return its value."""

        async def wait() -> Any:
            return await awaitable

        with self._lock:
            loop = self._loop
            if loop is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=loop.run_forever, daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(wait(), loop).result()

    def end(self) -> None:
        """End the thread."""
        loop, thread = self._loop, self._thread
        if loop is not None and thread is not None:
            self.run(loop.shutdown_asyncgens())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
        self._loop = self._thread = None


class _Later:
    """A `Reply` of a function, which runs when somebody waits for it."""

    def __init__(
        self, run: Run, *, method: str, loop: _LoopThread, check: Callable[[], None]
    ) -> None:
        self._run = run
        self._method = method
        self._loop = loop
        self._check = check
        self._outcome: tuple[Any, BaseException | None] | None = None
        self._is_left = False
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """True once `wait` returns or raises at once."""
        return self._outcome is not None or self._is_left

    def wait(self) -> Any:
        """Run the function on this thread, unless it has run, and return its answer."""
        with self._lock:
            if not self.done:
                coroutine = self._run(self._settle_here)
                try:
                    coroutine.send(None)
                    raise AssertionError("it has waited for something else")
                except StopIteration as end:
                    self._outcome = (end.value, None)
                except BaseException as error:
                    self._outcome = (None, error)
        return self._result()

    async def wait_async(self) -> Any:
        """Wait as `wait` does, on an event loop."""
        if not self.done:
            try:
                self._outcome = (await self._run(_settle_on_loop), None)
            except BaseException as error:
                self._outcome = (None, error)
        return self._result()

    def when_done(self, step: Callable[[], None]) -> None:
        """Run the function, and call `step`."""
        try:
            self.wait()
        finally:
            step()

    def leave(self) -> None:
        """Let it not run any more."""
        self._is_left = True

    async def _settle_here(self, awaitable: Awaitable[Any]) -> Any:
        return self._loop.run(awaitable)

    def _result(self) -> Any:
        if self._outcome is None:
            raise RuntimeError(f"{self._method}: nobody waits for the answer any more")
        self._check()
        value, error = self._outcome
        if error is not None:
            raise error
        return value


async def _settle_on_loop(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


class _Stream:
    """A generator of either kind, as the host tool of a name."""

    def __init__(self, name: str, generator: Any) -> None:
        self._name = name
        self._generator = generator
        self._is_async = inspect.isasyncgen(generator)

    async def next_batch(self, settle: Settle) -> dict[str, Any]:
        """Return the next item as a batch of its own."""
        result: Any = None
        try:
            if self._is_async:
                item = await settle(anext(self._generator, _END))
            else:
                item = next(self._generator)
        except StopIteration as end:
            item, result = _END, end.value
        except HostError:
            raise
        except Exception as error:
            raise _failed(self._name, error) from error
        if item is _END:
            return {"items": [], "done": True, "result": _travelled(result)}
        return {"items": [_travelled(item)], "done": False}

    async def all_items(self, settle: Settle) -> list[Any]:
        """Return everything that is left."""
        items: list[Any] = []
        while not (batch := await self.next_batch(settle))["done"]:
            items += batch["items"]
        return items

    def close(self, loop: _LoopThread) -> asyncio.Task[None] | None:
        """Run the `finally` of the generator; on a running event loop by a task."""
        if not self._is_async:
            self._generator.close()
            return None
        running = running_loop()
        if running is not None:
            return running.create_task(self._generator.aclose())
        loop.run(self._generator.aclose())
        return None


class PretendedTools:
    """Host tools by name, each a function of any kind."""

    def __init__(self, tools: Mapping[str, Callable[..., Any]], check: Callable[[], None]) -> None:
        """Hold tools; `check` raises when nobody may wait for them any more."""
        for name, function in tools.items():
            if not callable(function):
                raise TypeError(f"tools[{name!r}]: given {function!r}; allowed: a function")
        self._tools = dict(tools)
        self._check = check
        self._streams: dict[int, _Stream] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._loop = _LoopThread()

    def ask(self, method: str, args: dict[str, Any]) -> _Later:
        """Return the answer to a method of the host, which may still have to run."""
        answers: dict[str, Callable[[dict[str, Any], Settle], Coroutine[Any, Any, Any]]] = {
            "tools.list": self._list,
            "tools.call": self._call,
            "tools.open": self._open,
            "tools.next": self._next,
            "tools.cancel": self._canceled,
        }
        answer = answers[method]
        if "args" in args:
            args = {**args, "args": _travelled(args["args"])}
        if method == "tools.cancel":
            self._close(args["id"])
        return _Later(
            lambda settle: answer(args, settle), method=method, loop=self._loop, check=self._check
        )

    def end(self) -> None:
        """Close all streams, since the call has ended."""
        for number in list(self._streams):
            self._close(number)
        self._loop.end()

    async def _list(self, _args: dict[str, Any], _settle: Settle) -> Any:
        return {"tools": [_listed(name, it) for name, it in self._tools.items()]}

    async def _canceled(self, _args: dict[str, Any], _settle: Settle) -> None:
        return None

    async def _call(self, args: dict[str, Any], settle: Settle) -> Any:
        name = args["name"]
        function = self._find(name, args["args"])
        try:
            result = function(**args["args"])
            if inspect.isawaitable(result):
                result = await settle(result)
        except HostError:
            raise
        except Exception as error:
            raise _failed(name, error) from error
        if inspect.isgenerator(result) or inspect.isasyncgen(result):
            return await _Stream(name, result).all_items(settle)
        return _travelled(result)

    async def _open(self, args: dict[str, Any], settle: Settle) -> Any:
        name = args["name"]
        function = self._find(name, args["args"])
        if not _streams(function):
            text = (
                f"Cannot stream the host tool {name!r}, which does not stream; call it by .call()"
            )
            raise HostError("not_implemented", text)
        self._streams[args["id"]] = _Stream(name, function(**args["args"]))
        return await self._next(args, settle)

    async def _next(self, args: dict[str, Any], settle: Settle) -> Any:
        number = args["id"]
        stream = self._streams.get(number)
        if stream is None:
            return {"items": [], "done": True}
        try:
            batch = await stream.next_batch(settle)
        except HostError:
            self._streams.pop(number, None)
            raise
        if batch["done"]:
            self._streams.pop(number, None)
        return batch

    def _close(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        closing = None if stream is None else stream.close(self._loop)
        if closing is not None:
            self._closing.add(closing)

    def _find(self, name: str, args: dict[str, Any]) -> Callable[..., Any]:
        """Return the function of a tool, which takes these arguments."""
        function = self._tools.get(name)
        if function is None:
            near = get_close_matches(name, self._tools, n=3, cutoff=0.6)
            known = f"there are: {', '.join(self._tools)}" if self._tools else "there are none"
            hint = f"did you mean {' or '.join(near)}?" if near else known
            raise HostError("unknown_tool", f'There is no host tool "{name}"; {hint}')
        try:
            inspect.signature(function).bind(**args)
        except TypeError as error:
            raise HostError(
                "invalid_arguments",
                f"Cannot call {name}: args: {error}",
                details={"issues": [{"path": "args", "message": str(error)}]},
            ) from None
        return function


def _failed(name: str, error: Exception) -> HostError:
    """Return the error of a host tool whose function has raised."""
    return HostError("host_tool_failed", f'The host tool "{name}" failed: {error}')


def _listed(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    """Return the entry of a function in the list of tools."""
    named = [
        it
        for it in inspect.signature(function).parameters.values()
        if it.kind not in (it.VAR_POSITIONAL, it.VAR_KEYWORD)
    ]
    return {
        "name": name,
        "description": inspect.getdoc(function) or "",
        "inputSchema": {
            "type": "object",
            "properties": {it.name: {} for it in named},
            "required": [it.name for it in named if it.default is it.empty],
        },
        "streams": _streams(function),
        "metadata": {},
    }


def _streams(function: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _travelled(value: Any) -> Any:
    """Return a value as it is after its way between host and worker."""
    return unpack(pack(value))
