"""Tests of files among arguments: the forms that hints ask for, where they are refused, and their
schemas.
"""

from __future__ import annotations

import io
import json
import os
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Annotated, Any, BinaryIO, Optional, TextIO, TypedDict, Union

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict, Field

from snakeden import File
from snakeden._tools.schema import ToolSchema
from snakeden.errors import ArgumentsError

CONTENT = "a,b\né,2\n"


@pytest.fixture
def leaf(tmp_path: Path) -> dict[str, Any]:
    """The tagged leaf of a real file, as the host sends it."""
    path = tmp_path / "rows.csv"
    path.write_text(CONTENT, "utf-8")
    size = path.stat().st_size
    return {
        "$snakeden": "file",
        "id": "f1",
        "path": str(path),
        "name": "rows.csv",
        "bytes": size,
        "sha256": "0" * 64,
    }


@pytest.fixture
def parse() -> Iterator[Callable[..., Any]]:
    """Convert an argument `it` to a hint; what was opened is closed at the end."""
    opened: list[IO[Any]] = []

    def parsed(hint: Any, value: Any, *, has_hint: bool = True) -> Any:
        def tool(it: Any) -> None: ...

        tool.__annotations__ = {"it": hint} if has_hint else {}
        json_text = json.dumps({"it": value}, separators=(",", ":")).encode()
        positional, _ = ToolSchema("tool", tool).parse(json_text, True, opened=opened.append)
        return positional[0]

    parsed.opened = opened  # type: ignore[attr-defined]
    yield parsed
    for stream in opened:
        stream.close()


@dataclass
class Upload:
    """A dataclass with files in its fields."""

    source: Path
    raw: bytes = b""
    extra: Optional[File] = None


class Typed(TypedDict):
    """A TypedDict with a file."""

    source: Path
    title: str


class Struct(msgspec.Struct):
    """A Struct with a file."""

    source: BinaryIO


class Model(BaseModel):
    """A pydantic model with files."""

    source: Path
    raw: bytes
    file: File


@pytest.mark.parametrize(
    "hint",
    [Path, Optional[Path], Union[str, Path], Annotated[Path, "note"], PurePath, os.PathLike[str]],
)
def test_a_path_is_given_where_the_hint_says_path(
    parse: Callable[..., Any], leaf: dict[str, Any], hint: Any
) -> None:
    given = parse(hint, leaf)
    assert isinstance(given, Path)
    assert given == Path(leaf["path"])


def test_a_path_is_given_where_there_is_no_hint(
    parse: Callable[..., Any], leaf: dict[str, Any]
) -> None:
    for given in (
        parse(Any, leaf),
        parse(object, leaf),
        parse(None, leaf, has_hint=False),
        parse(dict, {"a": [leaf]})["a"][0],
        parse(list[Any], [leaf])[0],
    ):
        assert given == Path(leaf["path"])
        assert isinstance(given, Path)


def test_text_is_the_path_and_bytes_are_the_content(
    parse: Callable[..., Any], leaf: dict[str, Any]
) -> None:
    assert parse(str, leaf) == leaf["path"]
    assert parse(bytes, leaf) == CONTENT.encode()
    assert parse(bytearray, leaf) == bytearray(CONTENT.encode())
    assert parse(Union[bytes, str], leaf) == CONTENT.encode()


def test_a_file_has_what_the_host_says_of_it(
    parse: Callable[..., Any], leaf: dict[str, Any]
) -> None:
    file = parse(File, {**leaf, "mediaType": "text/csv"})
    assert isinstance(file, File)
    assert (file.id, file.name, file.bytes) == ("f1", "rows.csv", leaf["bytes"])
    assert (file.sha256, file.media_type) == ("0" * 64, "text/csv")
    assert os.fspath(file) == leaf["path"]
    with open(file, encoding="utf-8") as stream:
        assert stream.read() == CONTENT
    with file.open() as binary, file.open("r") as text:
        assert binary.read().decode() == text.read() == CONTENT
    with pytest.raises(ValueError, match="given 'w'; allowed: 'rb' for bytes, 'r' for text"):
        file.open("w")  # type: ignore[call-overload]
    assert parse(Union[File, Path, None], leaf) == file
    assert hash(file) == hash(parse(File, leaf))
    assert repr(file) == f"<File 'rows.csv', {leaf['bytes']} bytes>"


@pytest.mark.parametrize(
    "hint",
    [BinaryIO, IO[bytes], typing.IO, io.BufferedReader, io.BufferedIOBase, Optional[BinaryIO]],
)
def test_an_open_file_of_bytes_is_given(
    parse: Callable[..., Any], leaf: dict[str, Any], hint: Any
) -> None:
    stream = parse(hint, leaf)
    assert stream.read() == CONTENT.encode()
    assert parse.opened == [stream]  # type: ignore[attr-defined]


@pytest.mark.parametrize("hint", [TextIO, IO[str], io.TextIOWrapper, Union[TextIO, None]])
def test_an_open_file_of_text_is_given(
    parse: Callable[..., Any], leaf: dict[str, Any], hint: Any
) -> None:
    stream = parse(hint, leaf)
    assert stream.read() == CONTENT
    assert parse.opened == [stream]  # type: ignore[attr-defined]


def test_files_are_found_in_lists_dicts_and_classes(
    parse: Callable[..., Any], leaf: dict[str, Any]
) -> None:
    path = Path(leaf["path"])
    assert parse(list[Path], [leaf, leaf]) == [path, path]
    assert parse(tuple[File, str], [leaf, leaf])[1] == leaf["path"]
    assert parse(dict[str, bytes], {"a": leaf}) == {"a": CONTENT.encode()}
    assert parse(Optional[list[list[str]]], [[leaf]]) == [[leaf["path"]]]
    upload = parse(Upload, {"source": leaf, "raw": leaf, "extra": leaf})
    assert (upload.source, upload.raw, upload.extra.id) == (path, CONTENT.encode(), "f1")
    assert parse(Typed, {"source": leaf, "title": "x"}) == {"source": path, "title": "x"}
    assert parse(Struct, {"source": leaf}).source.read() == CONTENT.encode()
    assert parse(list[Union[Upload, int]], [{"source": leaf}, 1])[0].source == path
    model = parse(Model, {"source": leaf, "raw": leaf, "file": leaf})
    assert (model.source, model.raw, model.file.name) == (path, CONTENT.encode(), "rows.csv")


def test_files_are_given_to_keywords_and_to_further_arguments(leaf: dict[str, Any]) -> None:
    def tool(*, first: bytes, **more: Path) -> None: ...

    text = json.dumps({"first": leaf, "second": leaf}, separators=(",", ":")).encode()
    _, named = ToolSchema("tool", tool).parse(text, True)
    assert named == {"first": CONTENT.encode(), "second": Path(leaf["path"])}


@pytest.mark.parametrize("hint", [int, list[int], bool, float, Optional[int]])
def test_a_file_is_refused_where_the_hint_allows_none(
    parse: Callable[..., Any], leaf: dict[str, Any], hint: Any
) -> None:
    with pytest.raises(ArgumentsError) as caught:
        parse(hint, leaf)
    [issue] = caught.value.issues
    assert issue.path == "args.it"
    assert "File" in issue.message


def test_a_wrong_field_beside_a_file_is_named(
    parse: Callable[..., Any], leaf: dict[str, Any]
) -> None:
    with pytest.raises(ArgumentsError) as caught:
        parse(Upload, {"source": leaf, "raw": 7})
    assert [it.path for it in caught.value.issues] == ["args.it.raw"]


def test_a_path_still_takes_text(parse: Callable[..., Any]) -> None:
    assert parse(os.PathLike[str], "/tmp/x") == Path("/tmp/x")
    with pytest.raises(ArgumentsError):
        parse(BinaryIO, "/tmp/x")
    with pytest.raises(ArgumentsError):
        parse(File, "/tmp/x")


def _file_schema() -> dict[str, Any]:
    return {
        "title": "File",
        "type": "object",
        "properties": {
            "$file": {"type": "string", "description": "The id of a file of /v1/files."},
            "name": {"type": "string"},
            "bytes": {"type": "integer"},
        },
        "required": ["$file"],
        "additionalProperties": False,
    }


def test_schemas_say_where_a_file_may_stand() -> None:
    def tool(
        path: Path,
        like: os.PathLike[str],
        raw: bytes,
        file: File,
        stream: BinaryIO,
        text: IO[str],
        many: list[File],
    ) -> File:
        raise NotImplementedError

    schema = ToolSchema("tool", tool)
    properties = json.loads(schema.input_schema)["properties"]
    file = _file_schema()
    for name in ("path", "like"):
        assert properties[name] == {"anyOf": [{"type": "string"}, file]}, name
    for name in ("file", "stream", "text"):
        assert properties[name] == file, name
    assert properties["many"] == {"type": "array", "items": file}
    assert properties["raw"]["anyOf"][-1] == file
    output = json.loads(schema.output_schema)
    assert output["required"] == ["$file", "name", "bytes"]
    assert output["properties"]["bytes"] == {"type": "integer", "minimum": 0}


def test_the_schema_of_a_model_names_its_file() -> None:
    def tool(model: Model) -> Path:
        raise NotImplementedError

    schema = ToolSchema("tool", tool)
    assert "$file" in json.dumps(json.loads(schema.input_schema))
    assert json.loads(schema.output_schema)["type"] == "string"


class Renamed(BaseModel):
    """A pydantic model whose fields have other names for callers."""

    model_config = ConfigDict(populate_by_name=True)

    raw: bytes = Field(validation_alias="rawBytes")
    more: list[bytes] = Field(alias="moreBytes")


@pytest.mark.parametrize(
    ("raw", "more"), [("rawBytes", "moreBytes"), ("raw", "more"), ("raw", "moreBytes")]
)
def test_fields_of_a_model_have_files_by_alias_and_by_name(
    parse: Callable[..., Any], leaf: dict[str, Any], raw: str, more: str
) -> None:
    content = CONTENT.encode()
    model = parse(Renamed, {raw: leaf, more: [leaf, leaf]})
    assert (model.raw, model.more) == (content, [content, content])
