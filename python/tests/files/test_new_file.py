"""Tests of the files that tools make, with `running_call` in the place of a host."""

from __future__ import annotations

import asyncio
import csv
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from snakeden import File, HostError, current_call
from snakeden._values.values import decode, encode
from snakeden.errors import InvalidValueError
from snakeden.files.new_file import NewBinaryFile, NewTextFile
from snakeden.testing import RunningCall, given_file, running_call


def travelled(value: Any) -> Any:
    return decode(encode(value))


def test_a_file_exists_when_its_block_has_ended() -> None:
    with running_call() as call:
        with current_call().create_file("clean.csv", "w", media_type="text/csv") as out:
            assert isinstance(out, NewTextFile)
            csv.writer(out).writerow(["é", 1])
            with pytest.raises(RuntimeError, match=r"'clean\.csv' is not finished"):
                out.file  # noqa: B018
            with pytest.raises(InvalidValueError, match="is not finished"):
                encode(out)
        file = out.file
    assert call.files == [file]
    assert (file.name, file.bytes, file.media_type) == ("clean.csv", 6, "text/csv")
    assert file.path.read_bytes() == "é,1\r\n".encode()
    assert travelled(file) == travelled(out) == {"$file": file.id, "name": "clean.csv", "bytes": 6}
    assert travelled({"files": [file]})["files"][0]["$file"] == file.id


def test_bytes_can_be_sought_and_read_back_while_they_are_written() -> None:
    with running_call() as call:
        with current_call().create_file("all.zip") as out:
            assert isinstance(out, NewBinaryFile)
            assert out.path.name == "all.zip"
            with zipfile.ZipFile(out, "w") as archive:
                archive.writestr("a.txt", "content")
            out.seek(0)
            assert out.read(2) == b"PK"
        with zipfile.ZipFile(out.file) as archive:
            assert archive.read("a.txt") == b"content"
    assert len(call.files) == 1


def test_text_has_the_encoding_and_the_line_ends_that_were_asked_for() -> None:
    with running_call():
        call = current_call()
        with call.create_file("a.txt", "w", encoding="utf-16-le", newline="\r\n") as out:
            out.write("é\n")
        assert out.file.path.read_bytes() == "é\r\n".encode("utf-16-le")


def left_in(call: RunningCall) -> list[str]:
    folder = call._files._folder
    return [] if folder is None else [it.name for it in folder.rglob("*") if it.is_file()]


def test_a_file_that_was_not_finished_leaves_nothing() -> None:
    with running_call() as call:
        with pytest.raises(KeyError), current_call().create_file("a.txt", "w") as out:
            out.write("half")
            raise KeyError("why")
        with pytest.raises(RuntimeError, match="is not finished"):
            out.file  # noqa: B018
        assert out.closed
        assert call.files == []
        assert left_in(call) == []


def test_a_file_that_is_too_long_is_refused_while_it_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("snakeden.testing.pretended_files._MAX_FILE_BYTES", 1_000)
    with running_call() as call:
        for write in (1, 1_000_000):
            with (
                pytest.raises(HostError) as caught,
                current_call().create_file("a.bin") as out,
            ):
                for _ in range(2_000_000 // write):
                    out.write(b"x" * write)
            assert caught.value.code == "file_too_large"
            assert caught.value.details["maxFileBytes"] == 1_000
        assert left_in(call) == []
        with current_call().create_file("a.bin") as out:
            out.write(b"x" * 1_000)
        assert out.file.bytes == 1_000


def test_names_and_modes_are_checked() -> None:
    with running_call() as call:
        with pytest.raises(ValueError, match="given 'r'; allowed: 'wb' for bytes, 'w' for text"):
            current_call().create_file("a", "r")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="given 7; allowed: text"):
            current_call().create_file(7)  # type: ignore[call-overload]
        for name in ("", "a\nb", "x" * 256, "..", "a/b"):
            with pytest.raises(HostError) as caught, current_call().create_file(name):
                pass
            assert caught.value.issues[0].path == "name"
        with pytest.raises(LookupError), current_call().create_file("a", "w", encoding="utf-99"):
            pass
        assert left_in(call) == []
        creation = current_call().create_file("a")
        with creation, pytest.raises(RuntimeError, match="has begun already"), creation:
            pass


def test_a_copy_of_a_file_is_saved(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n" * 1_000_000)
    with running_call() as call:
        file = current_call().save_file(path)
        assert (file.name, file.bytes) == ("rows.csv", 4_000_000)
        path.write_bytes(b"")
        assert file.path.read_bytes()[:4] == b"a,b\n"
        assert current_call().save_file(os.fspath(file), "other.csv").name == "other.csv"
        assert current_call().save_file(file) is file
        assert current_call().save_file(file, "third.csv").bytes == 4_000_000
        with pytest.raises(FileNotFoundError):
            current_call().save_file(tmp_path / "gone")
        with pytest.raises(IsADirectoryError):
            current_call().save_file(tmp_path)
    assert [it.name for it in call.files] == ["rows.csv", "other.csv", "third.csv"]


def test_asynchronous_tools_make_files_while_other_tasks_go_on(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("content")

    async def tool() -> list[File]:
        call = current_call()
        async with call.create_file("b.txt", "w") as out:
            out.write("x")
        with pytest.raises(KeyError):
            async with call.create_file("c.txt", "w"):
                raise KeyError
        return [out.file, await call.asave_file(path), await call.asave_file(out.file)]

    with running_call() as call:
        made = asyncio.run(tool())
    assert [it.name for it in made] == ["b.txt", "a.txt", "b.txt"]
    assert call.files == made[:2]


def test_nothing_is_made_after_the_call(tmp_path: Path) -> None:
    with running_call():
        call = current_call()
    with pytest.raises(RuntimeError, match="has ended"):
        call.create_file("a")
    with pytest.raises(RuntimeError, match="has ended"):
        call.save_file(tmp_path)


def test_given_file_is_the_file_of_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    file = given_file(path, media_type="text/csv")
    assert (file.name, file.bytes, file.media_type) == ("a.csv", 3, "text/csv")
    assert file.sha256.startswith("ba7816bf")
    assert given_file(path, "b.csv").name == "b.csv"
    assert given_file(path) != file
