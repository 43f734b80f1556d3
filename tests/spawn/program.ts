/**
 * Programs that start hosts by the bundle of `snakeden/spawn`, in Node or Deno, each in a process
 * of its own that a test may kill.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { isAlive, ROOT, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

/** The runtimes that tests run programs in. */
export type Runtime = "node" | "deno";

/** Returns true if Node 20 or later is there. */
export function hasNode(): boolean {
  try {
    const { success, stdout } = new Deno.Command("node", { args: ["--version"] }).outputSync();
    const [, major] = /^v(\d+)/.exec(new TextDecoder().decode(stdout)) ?? [];
    return success && Number(major) >= 20;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A folder with the bundle, the data of hosts, and an adapter. */
export class Workplace implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(): Promise<Workplace> {
    const path = await Deno.realPath(await Deno.makeTempDir({ prefix: "snakeden-test-" }));
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        "--frozen",
        `--output=${join(path, "spawn.js")}`,
        "src/spawn/mod.ts",
      ],
      cwd: ROOT,
      stdout: "null",
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    await Deno.writeTextFile(join(path, "package.json"), '{"type":"module"}');
    await Deno.writeTextFile(join(path, "naps.py"), ADAPTER);
    return new Workplace(path);
  }

  /** The data directory of the hosts. */
  get dataDir(): string {
    return join(this.path, "data");
  }

  /** Starts a program. Its text may use `spawn`, `say`, `options` and everything of the bundle. */
  async run(text: string, { runtime = "node", env }: RunOptions = {}): Promise<Program> {
    const [command = "", ...args] = await this.command(text, runtime);
    return new Program(
      new Deno.Command(command, {
        args,
        cwd: this.path,
        env: { NO_COLOR: "1", ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
  }

  /** Writes a program, and returns its command line. */
  async command(text: string, runtime: Runtime = "node"): Promise<string[]> {
    const file = join(this.path, `${crypto.randomUUID()}.js`);
    await Deno.writeTextFile(file, prelude(await devPython()) + text);
    if (runtime === "node") return ["node", file];
    return [Deno.execPath(), "run", "-A", "--quiet", "--no-config", file];
  }

  /** Fails unless all processes of hosts end: hosts, workers, and their children. */
  async nothingIsLeft(): Promise<void> {
    await until(
      () => this.pids().length === 0,
      `the end of ${this.pids().join(", ")}`,
      { timeoutMs: 40_000 },
    );
    assert.deepEqual(workersOf({ connect: this.dataDir }), []);
  }

  /** Returns the live processes that have this folder in their environment or arguments. */
  pids(): number[] {
    return [...Deno.readDirSync("/proc")].map(({ name }) => Number(name)).filter((pid) =>
      Number.isInteger(pid) && isAlive(pid) && ["environ", "cmdline"].some((file) => {
        try {
          return Deno.readTextFileSync(`/proc/${pid}/${file}`).includes(this.dataDir);
        } catch {
          // It has just ended, or belongs to another user.
          return false;
        }
      })
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.pids()) {
      try {
        signalPid(pid, "SIGKILL");
      } catch {
        // It has just ended.
      }
    }
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Options of {@link Workplace.run}. */
export interface RunOptions {
  readonly runtime?: Runtime;
  readonly env?: Readonly<Record<string, string>>;
}

/** Something that a program has said. */
export type Said = Readonly<Record<string, unknown>> & { readonly event: string };

/** A running program. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #output = "";
  #hasEnded = false;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reading = Promise.all([
      this.#read(child.stdout),
      this.#read(child.stderr),
      child.status.then(() => this.#hasEnded = true),
    ]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get output(): string {
    return this.#output;
  }

  /** Waits until the program has said something of this name. */
  async says(event: string): Promise<Said> {
    return await until(
      () => {
        const lines = this.#output.split("\n").filter((it) => it.startsWith("{"));
        const said = lines.flatMap((it): Said[] => {
          try {
            return [JSON.parse(it)];
          } catch {
            return [];
          }
        }).find((it) => it.event === event);
        if (said === undefined && this.#hasEnded) throw new Error(`It ended: ${this.#output}`);
        return said;
      },
      `the program to say ${event}`,
      { timeoutMs: 90_000 },
    );
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async finished(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    await this.#reading;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.finished();
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#output += text;
  }
}

const ADAPTER = `
import os, subprocess, sys, time
from snakeden import tool

@tool
def nap(seconds: float) -> str:
    print("the nap begins", flush=True)
    time.sleep(seconds)
    return "slept"

@tool
def naps(seconds: float):
    yield os.getpid()
    time.sleep(seconds)
    yield 0
`;

function prelude(python: string): string {
  return `
import * as snakeden from "./spawn.js";
import process from "node:process";
const { SnakedenClient } = snakeden;
const say = (event, facts = {}) => console.log(JSON.stringify({ event, ...facts }));
const options = {
  snakeden: ${JSON.stringify(ROOT)},
  deno: ${JSON.stringify(Deno.execPath())},
  env: { SNAKEDEN_PYTHON: ${JSON.stringify(python)} },
  config: { dataDir: "data", pools: [{ name: "default", size: 2, adapter: "naps" }] },
};
const texts = (error) => ({ name: error.name, code: error.code, message: error.message });
/** Starts a host; says where it is, and when a nap begins. */
async function spawn(more = {}) {
  const onLog = ({ message }) => {
    if (message.includes("the nap begins")) say("nap");
  };
  const den = await SnakedenClient.spawn({ ...options, onLog, ...more });
  say("ready", { pid: den.pid, url: den.url });
  return den;
}
`;
}
