"""Fields of a value that no class has are refused by name."""

from __future__ import annotations

from typing import Any, Union

import pytest
import typing_extensions

from tests.tools.hint_cases import (
    Attrs,
    Box,
    Circle,
    Cow,
    Hen,
    Loose,
    Model,
    Node,
    Shape,
    Struct,
    arrives,
)


@pytest.mark.parametrize(
    ("hint", "value", "path", "said"),
    [
        (
            Circle,
            {"radius": 1, "x": 2},
            "args.it.x",
            "is not a field of `Circle`, which takes radius",
        ),
        (list[Circle], [{"radius": 1, "radus": 2}], "args.it[0].radus", "did you mean radius?"),
        (dict[str, Loose], {"k": {"lable": "x"}}, "args.it.k.lable", "did you mean label?"),
        (
            Node,
            {"n": 1, "kids": [{"n": 1, "m": 1}]},
            "args.it.kids[0].m",
            "is not a field of `Node`",
        ),
        (Union[Circle, str], {"radius": 1, "x": 2}, "args.it.x", "is not a field of `Circle`"),
        (list[Shape], [{"side": 1, "x": 2}], "args.it[0].x", "is not a field of `Square`"),
        (
            Union[Cow, Hen],
            {"type": "Hen", "eggs": 1, "x": 1},
            "args.it.x",
            "is not a field of `Hen`",
        ),
        (Struct, {"myShape": {"side": 1}, "my_size": 1}, "args.it.my_size", "mySize"),
        (Attrs, {"n": 1, "x": 2}, "args.it.x", "is not a field of `Attrs`"),
        (Box[Circle], {"item": {"radius": 1, "x": 1}}, "args.it.item.x", "`Circle`"),
    ],
    ids=str,
)
def test_converter_names_fields_that_no_class_has(
    hint: Any, value: Any, path: str, said: str
) -> None:
    found = arrives(hint, value)
    assert list(found) == [path]
    assert said in found[path]


@pytest.mark.parametrize(
    ("said", "is_open"),
    [
        ({}, False),
        ({"closed": True}, False),
        ({"closed": False}, True),
        ({"extra_items": int}, True),
    ],
)
def test_converter_heeds_what_a_typed_dict_says_of_other_keys(
    said: dict[str, Any], is_open: bool
) -> None:
    typed_dict: Any = typing_extensions.TypedDict
    hint: Any = typed_dict("Told", {"n": int}, **said)
    answer = [{"n": 1}] if is_open else {"args.it[0].m": "is not a field of `Told`, which takes n"}
    assert arrives(list[hint], [{"n": 1, "m": 2}]) == answer


def test_converter_leaves_unknown_fields_to_pydantic() -> None:
    assert arrives(Model, {"n": 1, "x": 2}) == Model(n=1)
