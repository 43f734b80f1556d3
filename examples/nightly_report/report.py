# /// script
# requires-python = ">=3.10"
# dependencies = ["tabulate>=0.9"]
# ///
"""Report the sales of a month as a page: report.py MONTH [FILE.csv]."""

import csv
import sys
from collections import Counter
from pathlib import Path

import snakeden
from tabulate import tabulate

SALES = Path(__file__).with_name("sales.csv")
STEP = 50
"""The rows between two reports of progress."""


def main(month: str, path: str | Path = SALES) -> None:
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    units: Counter[str] = Counter()
    revenue: Counter[str] = Counter()
    for done, row in enumerate(rows, start=1):
        if row["day"].startswith(f"{month}-"):
            units[row["product"]] += int(row["units"])
            revenue[row["product"]] += round(int(row["units"]) * float(row["price"]) * 100)
        if done % STEP == 0 or done == len(rows):
            snakeden.progress({"done": done, "of": len(rows)})
    if not units:
        raise SystemExit(f"no sales in {month}; {path} has {len(rows)} rows")
    table = [(name, units[name], cents / 100) for name, cents in revenue.most_common()]
    table.append(("total", units.total(), revenue.total() / 100))
    page = tabulate(table, ["product", "units", "revenue"], tablefmt="html", floatfmt=".2f")
    snakeden.artifact_path(f"sales-{month}.html").write_text(
        f'<!doctype html><meta charset="utf-8"><title>Sales of {month}</title>\n{page}\n',
        encoding="utf-8",
    )
    print(f"the best product of {month} was the {table[0][0]}")
    snakeden.result({"month": month, "units": units.total(), "revenue": revenue.total() / 100})


main(*sys.argv[1:])
