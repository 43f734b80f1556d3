"""Checks the rows of a table one by one, and splits the table by what came of them."""

import csv
import json
import os
import signal
from collections.abc import Iterator
from datetime import date
from typing import Any, TypedDict

from snakeden import File, current_call, tool

# A cell may be longer than the csv module expects.
csv.field_size_limit(2**31 - 1)


class Verdict(TypedDict):
    """The problems of a row, by column, and the version of the schema that finds them."""

    version: int
    problems: dict[str, str]


class Split(TypedDict):
    """The two tables, and how many rows each has."""

    clean: File
    errors: File
    right: int
    wrong: int


# The schema that this worker has seen last.
schema: dict[str, Any] = {"version": None, "columns": {}}


@tool
def check_row(row: dict[str, str]) -> Verdict:
    """Check one row against the schema of the host, as it is at this moment."""
    answer = current_call().tools.table_schema(known=schema["version"])
    schema.update(answer)
    if "CRASH" in row.values():
        # Stands for a cell on which a parser in C dies.
        os.kill(os.getpid(), signal.SIGKILL)
    problems = {}
    for name, rules in schema["columns"].items():
        problem = problem_of(row.get(name, ""), rules)
        if problem is not None:
            problems[name] = problem
    return {"version": schema["version"], "problems": problems}


def problem_of(cell: str, rules: dict[str, Any]) -> str | None:
    """Return what is wrong with a cell."""
    if cell == "":
        return "missing" if rules.get("required") else None
    if "oneOf" in rules and cell not in rules["oneOf"]:
        return f"given {cell}; allowed: {', '.join(rules['oneOf'])}"
    try:
        if rules["type"] == "date":
            date.fromisoformat(cell)
        if rules["type"] in ("integer", "number"):
            number = int(cell) if rules["type"] == "integer" else float(cell)
            if not rules.get("min", number) <= number <= rules.get("max", number):
                return f"given {cell}; allowed: {rules.get('min', '')} to {rules.get('max', '')}"
    except ValueError:
        return f"given {cell}; allowed: {rules['type']}"
    return None


@tool
def split_table(table: File, results: File) -> Split:
    """Split a table into the rows that are right and those that are not, in their order."""
    versions, problems = verdicts_in(results)
    call = current_call()
    right = wrong = 0
    rows = rows_of(table)
    header = next(rows)
    with (
        call.create_file("clean.csv", "w", media_type="text/csv", newline="") as clean,
        call.create_file("errors.csv", "w", media_type="text/csv", newline="") as errors,
    ):
        write_clean = csv.writer(clean, lineterminator="\n").writerow
        write_error = csv.writer(errors, lineterminator="\n").writerow
        write_clean([*header, "schema_version"])
        write_error(["row", "schema_version", "problems", *header])
        for index, row in enumerate(rows):
            version = versions.pop(index)
            if index in problems:
                write_error([index + 1, version, problems[index], *row])
                wrong += 1
            else:
                write_clean([*row, version])
                right += 1
    if versions:
        raise ValueError(f"{len(versions)} results belong to no row")
    return {"clean": clean.file, "errors": errors.file, "right": right, "wrong": wrong}


def verdicts_in(results: File) -> tuple[dict[int, int | None], dict[int, str]]:
    """Return the version that judged each row, and the problems of those that are wrong."""
    versions: dict[int, int | None] = {}
    problems: dict[int, str] = {}
    with open(results, encoding="utf-8") as lines:
        for line in lines:
            item = json.loads(line)
            index = item["index"]
            if index in versions:
                raise ValueError(f"row {index + 1} has two results")
            if "error" in item:
                versions[index] = None
                problems[index] = item["error"]["code"]
                continue
            versions[index] = item["result"]["version"]
            if item["result"]["problems"]:
                found = item["result"]["problems"].items()
                problems[index] = "; ".join(f"{name}: {text}" for name, text in found)
    return versions, problems


def rows_of(table: File) -> Iterator[list[str]]:
    """Yield the rows of a table, as the batch counts them: without empty lines."""
    with open(table, encoding="utf-8-sig", errors="replace", newline="") as text:
        yield from (row for row in csv.reader(text) if row)
