from __future__ import annotations

import json
from pathlib import Path

import pytest

import snakeden


def test_a_job_reports_by_the_protocol(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "result.json"
    monkeypatch.setenv("SNAKEDEN_JOB_ID", "j1")
    monkeypatch.setenv("SNAKEDEN_RESULT", str(target))
    monkeypatch.setenv("SNAKEDEN_ARTIFACTS", str(tmp_path))
    snakeden.progress({"done": 1, "text": "a\nb"})
    snakeden.result("the first, which is longer")
    snakeden.result({"x": b"1"})
    shown = capsys.readouterr()
    assert shown.out == '::snakeden progress {"done":1,"text":"a\\nb"}\n'
    assert shown.err == ""
    expected = {"x": {"$snakeden": "bytes", "base64": "MQ=="}}
    assert json.loads(target.read_text()) == expected
    assert snakeden.artifact_path("a.csv") == tmp_path / "a.csv"


def test_by_hand_everything_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("SNAKEDEN_JOB_ID", "SNAKEDEN_RESULT", "SNAKEDEN_ARTIFACTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    snakeden.progress(0.5)
    snakeden.result({"x": 1})
    shown = capsys.readouterr()
    assert shown.err == "progress: 0.5\n"
    assert json.loads(shown.out) == {"x": 1}
    path = snakeden.artifact_path("a.csv")
    assert path == Path("artifacts/a.csv")
    path.write_text("1")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "x" * 256, "a\0"])
def test_an_artifact_has_a_plain_name(name: str) -> None:
    with pytest.raises(ValueError, match="allowed: 1 to 255 characters"):
        snakeden.artifact_path(name)


def test_connect_says_what_to_do_without_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SNAKEDEN_URL", raising=False)
    with pytest.raises(snakeden.RequestError, match="Serve first .* or run the program as a job"):
        snakeden.connect()
    with pytest.raises(snakeden.RequestError) as raised:
        snakeden.connect("ftp://x")
    assert raised.value.code == "config_invalid"
    with pytest.raises(snakeden.RequestError) as raised:
        snakeden.connect("http://127.0.0.1:1").execute("add", a=1)
    assert (raised.value.code, raised.value.retryable) == ("host_unreachable", True)
