/**
 * The host process of the workload `models`: a Deno program that calls the model in one Python
 * process, through Snakeden or through a pipe. Run it as `host.ts OPTIONS`, with the options as
 * JSON; it then takes commands.
 */
import { fileURLToPath } from "node:url";
import { NdArray, Snakeden } from "snakeden";
import { messageOf } from "../../src/errors.ts";
import { Child } from "../child.ts";
import { type ModelCommand, say, serveCommands } from "../commands.ts";
import { closedLoop, type Figures } from "../measure.ts";
import { cpuMicros, sumOf } from "../process_stats.ts";

/** The options of the host process. */
export interface ModelHostOptions {
  /** The way to the Python process. */
  readonly through: "snakeden" | "pipe";
  /** The Python with the packages of the model. */
  readonly python: string;
  readonly dataDir: string;
  /** The variables of the Python process. */
  readonly env: Readonly<Record<string, string>>;
}

/** The model in a Python process. */
interface Model extends AsyncDisposable {
  readonly pids: readonly number[];
  /** Embeds some texts. Rejects if the answer is not a vector for each. */
  embed(texts: readonly string[]): Promise<void>;
}

const VECTOR_LENGTH = 384;
const VECTOR_BYTES = 4 * VECTOR_LENGTH;
const FOLDER = fileURLToPath(new URL(".", import.meta.url));

async function startSnakeden({ python, dataDir, env }: ModelHostOptions): Promise<Model> {
  const pool = { name: "default", size: 1, adapter: "embedder:Embedder", modulePaths: [FOLDER] };
  const den = await Snakeden.start({
    dataDir,
    python: { executable: python },
    pools: [{ ...pool, env }],
    readyTimeoutMs: 60_000,
  });
  return {
    pids: den.workers.list().flatMap(({ pid }) => pid === undefined ? [] : [pid]),
    async embed(texts): Promise<void> {
      const vectors = await den.execute("embed", { texts });
      const isRight = vectors instanceof NdArray && vectors.shape[0] === texts.length &&
        vectors.shape[1] === VECTOR_LENGTH;
      if (!isRight) throw new Error("wrong vectors");
    },
    [Symbol.asyncDispose]: () => den.stop(),
  };
}

async function startPipe({ python, env }: ModelHostOptions): Promise<Model> {
  const child = Child.spawn(python, { args: [`${FOLDER}bare.py`], env });
  await child.readLine();
  // One call at a time: the process answers in order.
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (line: string): Promise<string> => {
    await child.writeLine(line);
    return await child.readLine();
  };
  return {
    pids: [child.pid],
    async embed(texts): Promise<void> {
      const answer = last.then(() => ask(JSON.stringify(texts)));
      last = answer;
      const { byteLength } = Uint8Array.fromBase64(await answer);
      if (byteLength !== texts.length * VECTOR_BYTES) throw new Error("wrong vectors");
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function main([given = "{}"]: readonly string[]): Promise<void> {
  const options: ModelHostOptions = JSON.parse(given);
  const start = options.through === "snakeden" ? startSnakeden : startPipe;
  await using model = await start(options);
  const ready = { pids: model.pids, figures: {} };
  await serveCommands(ready, (command: ModelCommand) => run(model, command));
}

async function run(model: Model, { texts, callers, durationMs }: ModelCommand): Promise<Figures> {
  const before = sumOf(model.pids, cpuMicros);
  const figures = await closedLoop(() => model.embed(texts), { callers, durationMs });
  const pythonMs = (sumOf(model.pids, cpuMicros) - before) / 1000;
  return { ...figures, pythonMsPerCall: pythonMs / (figures.calls ?? NaN) };
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    say({ error: messageOf(error) });
    Deno.exit(1);
  }
}
