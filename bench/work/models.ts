import type { Bench, Subject } from "../bench.ts";
import type { ModelCommand } from "../commands.ts";
import { MeasuringProcess } from "../host_process.ts";
import { DATA_DIR, ROOT } from "../installation.ts";
import { type Figures, median, medianOf } from "../measure.ts";
import type { ModelHostOptions } from "../models/host.ts";
import { type Result, type Row, rowsOf, type Workload } from "../workload.ts";

/** A loop inside of the Python process, which sends nothing anywhere. */
const LOOP = "python-loop";
const CONTENDERS = ["snakeden", "python-pipe", LOOP];
const MANY = 32;
/** Rounds are short and many, so that all contenders meet the same moments of the machine. */
const PACE = { rounds: 15, warmUpMs: 500, roundMs: 400 };
/** The variables of each Python. onnxruntime reads none: the model asks for one thread itself. */
const ENV: Readonly<Record<string, string>> = {
  OMP_NUM_THREADS: "1",
  RAYON_NUM_THREADS: "1",
  TOKENIZERS_PARALLELISM: "false",
};

type ModelProcess = MeasuringProcess<ModelCommand>;
type Started = readonly (readonly [string, ModelProcess])[];

interface Variant {
  readonly name: string;
  readonly texts: readonly string[];
  readonly callers: number;
}

const VARIANTS: readonly Variant[] = [
  { name: "1 text", texts: shortTexts(1), callers: 1 },
  { name: `1 text, ${MANY} callers`, texts: shortTexts(1), callers: MANY },
  { name: `${MANY} texts`, texts: shortTexts(MANY), callers: 1 },
  // 8 times the words.
  { name: "1 long text", texts: [shortTexts(8).join(" ")], callers: 1 },
];

/** A real model: the cost of a call beside the work that it asks for. */
export const models: Workload = {
  name: "models",
  summary: "an embedding model, beside the same calls in one bare Python process",
  contenders: CONTENDERS,
  async run(bench: Bench): Promise<Result[]> {
    await using resources = new AsyncDisposableStack();
    const started: [string, ModelProcess][] = [];
    for (const name of CONTENDERS.filter((it) => bench.wants(it))) {
      try {
        const python = await bench.installation.modelPython();
        started.push([name, resources.use(await start(name, python))]);
      } catch (error) {
        bench.skip(name, error);
      }
    }
    const rows: Row[] = [];
    for (const variant of VARIANTS) {
      bench.say(`models: ${variant.name}`);
      rows.push(...await measure(bench, variant, started));
    }
    return [{
      workload: "models",
      title: "A real model",
      about:
        "all-MiniLM-L6-v2 with int8 weights embeds texts of 9 tokens on one thread of one Python " +
        "process: a worker of snakeden; a script that Deno asks through a pipe (python-pipe); and a " +
        "loop in that script, which is sent nothing (python-loop). The long text has 58 tokens. " +
        "Cost: what a call takes more than in the loop, as the median of pairs of rounds. With " +
        `${MANY} callers, it compares the texts a second.`,
      variants: "call",
      columns: [
        { key: "textsPerSecond", title: "texts/s", unit: "texts/s", better: "more", chart: true },
        { key: "p50Ms", title: "p50", unit: "ms", better: "less", chart: true },
        { key: "p99Ms", title: "p99", unit: "ms", better: "less" },
        { key: "pythonMsPerCall", title: "Python CPU a call", unit: "ms", better: "less" },
        { key: "costMs", title: "cost", unit: "ms", better: "less", isAbsolute: true },
        { key: "costPercent", title: "cost", unit: "%", better: "less", isAbsolute: true },
      ],
      rows,
    }];
  },
};

function start(name: string, python: string): Promise<ModelProcess> {
  if (name === LOOP) {
    return MeasuringProcess.spawn(python, { args: [`${ROOT}bench/models/bare.py`], env: ENV });
  }
  const through = name === "snakeden" ? name : "pipe";
  const options: ModelHostOptions = { through, python, dataDir: DATA_DIR, env: ENV };
  return MeasuringProcess.start("bench/models/host.ts", [JSON.stringify(options)]);
}

async function measure(bench: Bench, variant: Variant, started: Started): Promise<Row[]> {
  const { name, texts, callers } = variant;
  const rounds = new Map<string, Figures[]>(started.map(([contender]) => [contender, []]));
  const subjects = started.map(([contender, process]): Subject => ({
    name: contender,
    measure: async ({ isWarmUp, durationMs }) => {
      const figures = await process.run({ texts, callers, durationMs });
      if (!isWarmUp) rounds.get(contender)?.push(figures);
      return figures;
    },
  }));
  await bench.interleave(subjects, bench.pace.quick ? { ...PACE, rounds: 5 } : PACE);
  const loop = rounds.get(LOOP) ?? [];
  const medians = [...rounds].filter(([, measured]) => measured.length > 0)
    .map(([contender, measured]): [string, Figures] => {
      const figures = medianOf(measured);
      const textsPerSecond = texts.length * (figures.callsPerSecond ?? NaN);
      if (contender !== LOOP) {
        return [contender, { ...figures, textsPerSecond, ...costOf(measured, loop, callers) }];
      }
      // A loop has no callers that wait for one another.
      const latencies = callers === 1 ? {} : { p50Ms: NaN, p99Ms: NaN };
      return [contender, { ...figures, ...latencies, textsPerSecond }];
    });
  return rowsOf(name, new Map(medians));
}

/** Returns what a call takes more than in the loop, as the median of pairs of rounds. */
function costOf(measured: readonly Figures[], loop: readonly Figures[], callers: number): Figures {
  const time = (figures: Figures | undefined): number =>
    callers === 1 ? figures?.p50Ms ?? NaN : 1000 / (figures?.callsPerSecond ?? NaN);
  const pairs = measured.map((it, i): [number, number] => [time(it), time(loop[i])]);
  return {
    costMs: median(pairs.map(([own, least]) => own - least)),
    costPercent: 100 * (median(pairs.map(([own, least]) => own / least)) - 1),
  };
}

/** Returns different texts of 7 words, which are 9 tokens. */
function shortTexts(count: number): string[] {
  const words = ["blue", "cold", "fast", "good", "new", "old", "red", "small"];
  return Array.from({ length: count }, (_, i) => {
    const [first, second] = [words[i % 8], words[(i >> 3) % 8]];
    return `the ${first} car and the ${second} house`;
  });
}
