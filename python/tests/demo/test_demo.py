from __future__ import annotations

import pytest

from snakeden import demo
from snakeden._tools.adapter_loader import load_adapter


def test_demo_offers_its_tools() -> None:
    tools = load_adapter(["snakeden.demo"]).tools
    assert " ".join(tools) == "profile_csv ping echo add sleep counter text_stats"
    assert all(tool.description for tool in tools.values())
    assert [name for name, tool in tools.items() if tool.schema.streams] == ["counter"]


def test_add_keeps_integers_integers() -> None:
    assert (demo.add(2, 3), type(demo.add(2, 3))) == (5, int)
    assert demo.add(2.5, 1) == 3.5


def test_counter_counts() -> None:
    assert list(demo.counter(3, 0.001)) == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0, 0, 0)),
        ("One two. Two three!\nIt's four", (6, 5, 3, 2)),
        ("…?!", (0, 0, 1, 1)),
        ("Ça va? Ça va.", (4, 2, 2, 1)),
    ],
)
def test_text_stats_counts(text: str, expected: tuple[int, int, int, int]) -> None:
    got = demo.text_stats(text)
    assert (got["words"], got["unique_words"], got["sentences"], got["lines"]) == expected
    assert got["characters"] == len(text)
