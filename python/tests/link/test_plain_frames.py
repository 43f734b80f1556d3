from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from snakeden._link.gen.link_pb2 import Result, WorkerFrame, WorkerMessage
from snakeden._link.plain_frames import plain_ask, plain_chunk, plain_result

call_ids = st.integers(1, 2**32 - 1)
sizes = st.one_of(st.integers(1, 300), st.integers(4_000, 4_200), st.integers(16_000, 70_000))


def one_message(frame: bytes) -> WorkerMessage:
    (message,) = WorkerFrame.FromString(frame).messages
    return message


@given(call_ids, sizes, st.floats(0, 1e9))
@example(2**32 - 1, 1, 0.0)
def test_plain_result_can_be_decoded_by_the_codec(call_id: int, size: int, run_ms: float) -> None:
    json = b"1" * size
    result = one_message(plain_result(call_id, json, run_ms=run_ms)).result
    expected = Result(id=call_id, run_ms=run_ms)
    expected.value.json = json
    assert result == expected


@given(call_ids, sizes)
def test_plain_chunk_can_be_decoded_by_the_codec(call_id: int, size: int) -> None:
    json = b"1" * size
    chunk = one_message(plain_chunk(call_id, json)).chunk
    assert (chunk.id, chunk.value.json, chunk.value.tagged) == (call_id, json, False)


@given(call_ids, call_ids, st.text(st.characters(exclude_categories=["Cs"]), max_size=300), sizes)
def test_plain_ask_can_be_decoded_by_the_codec(
    ask_id: int, call_id: int, method: str, size: int
) -> None:
    json = b"1" * size
    ask = one_message(plain_ask(ask_id, call_id, method=method, json=json)).ask
    assert (ask.id, ask.call_id, ask.method) == (ask_id, call_id, method)
    assert (ask.args.json, ask.args.tagged) == (json, False)


def test_plain_frames_can_be_joined() -> None:
    frame = plain_chunk(7, b"1") + plain_result(7, b"null", run_ms=0.5)
    bodies = [message.WhichOneof("body") for message in WorkerFrame.FromString(frame).messages]
    assert bodies == ["chunk", "result"]
