/**
 * `deno task bench`: the same echo through Snakeden and its peers, in one run on one machine. Rounds are interleaved, so
 * that a machine that changes its speed changes it for all; the table shows medians.
 *
 *     deno task bench [--quick] [--only NAME] [--workers N] [--json FILE]
 */
import { parseArgs } from "node:util";
import { parseConfig } from "../src/config/mod.ts";
import { ensurePython } from "../src/python/mod.ts";
import type { Contender } from "./contender.ts";
import { measure, type Measurement, medianOf } from "./measure.ts";
import { startSnakeden } from "./snakeden_contender.ts";
import { startUnary } from "./unary_contender.ts";

const CALLERS = [1, 16, 64];
const WARM_UP_MS = 500;

interface Row extends Measurement {
  readonly contender: string;
  readonly callers: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      workers: { type: "string", default: "2" },
      json: { type: "string" },
    },
  });
  const [rounds, durationMs] = values.quick ? [2, 500] : [5, 2_000];
  await using resources = new AsyncDisposableStack();
  const { dataDir } = parseConfig({});
  const python = resources.use(await ensurePython({ dataDir }));
  const contenders = [
    resources.use(await startSnakeden(Number(values.workers))),
    resources.use(await startUnary(python.executable)),
  ].filter(({ name }) => values.only === undefined || name.includes(values.only));
  const rows = await runAll(contenders, rounds, durationMs);
  printTable(rows);
  if (values.json !== undefined) {
    await Deno.writeTextFile(values.json, JSON.stringify(rows, null, 2));
  }
}

async function runAll(
  contenders: readonly Contender[],
  rounds: number,
  durationMs: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const callers of CALLERS) {
    const runs = new Map<Contender, Measurement[]>(contenders.map((it) => [it, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const contender of contenders) {
        const warmUp = round === 0;
        const options = { callers, durationMs: warmUp ? WARM_UP_MS : durationMs };
        const run = await measure(() => contender.call(), options);
        if (!warmUp) runs.get(contender)?.push(run);
      }
    }
    for (const [{ name }, measurements] of runs) {
      rows.push({ contender: name, callers, ...medianOf(measurements) });
    }
  }
  return rows;
}

function printTable(rows: readonly Row[]): void {
  console.log("| echo of 100 bytes | callers | calls/s | p50 ms | p99 ms | against the first |");
  console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
  for (const row of rows) {
    const first = rows.find(({ callers }) => callers === row.callers) ?? row;
    const ratio = row.callsPerSecond / first.callsPerSecond;
    console.log(
      `| ${row.contender} | ${row.callers} | ${
        Math.round(row.callsPerSecond).toLocaleString("en")
      } ` +
        `| ${row.p50Ms.toFixed(3)} | ${row.p99Ms.toFixed(3)} | ${ratio.toFixed(2)} |`,
    );
  }
}

if (import.meta.main) await main();
