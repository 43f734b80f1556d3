/**
 * The program of the thread that reads the processor. It loads the package systeminformation, whose
 * import alone would hold the event loop of the host for 15 to 110 ms, and which throws where no
 * catch sees it if a permission is missing.
 *
 * The thread starts no process. It sends the commands of the package to the host, which can end
 * them with all their children. It imports the file of the package that it needs, since the whole
 * package takes twice the time and memory.
 */
import childProcess from "node:child_process";
import process from "node:process";
import type { Systeminformation } from "systeminformation";

/** The facts that the host uses. */
export type CpuFacts = Pick<
  Systeminformation.CpuData,
  "manufacturer" | "brand" | "vendor" | "cores" | "physicalCores" | "flags"
>;

/** A message of the thread. `done` and `failed` are the last one. */
export type ThreadMessage =
  | { readonly kind: "run"; readonly id: number; readonly command: string }
  | { readonly kind: "done"; readonly facts: CpuFacts }
  | { readonly kind: "failed"; readonly text: string };

/** The answer of the host to `run`. */
export interface CommandOutput {
  readonly id: number;
  readonly stdout: string;
  /** The reason why the command failed; undefined if it succeeded. */
  readonly failure: string | undefined;
}

/** The thread's side of the channel, for which the types of the main thread have no name. */
interface ThreadScope extends EventTarget {
  onmessage: (event: MessageEvent<CommandOutput>) => void;
  postMessage(message: ThreadMessage): void;
}

type ExecCallback = (error: Error | null, stdout: string, stderr: string) => void;

/** Replaces the functions of Node that start processes, as far as the package uses them. */
function sendCommands(scope: ThreadScope): void {
  const waiting = new Map<number, ExecCallback>();
  let last = 0;
  const exec = (command: string, options: unknown, given?: ExecCallback): void => {
    const id = ++last;
    waiting.set(id, given ?? options as ExecCallback);
    scope.postMessage({ kind: "run", id, command });
  };
  const execSync = (command: string): never => {
    throw new Error(`Cannot wait for ${command} in this thread`);
  };
  Object.assign(childProcess, { exec, execSync });
  scope.onmessage = ({ data: { id, stdout, failure } }) => {
    const callback = waiting.get(id);
    waiting.delete(id);
    callback?.(failure === undefined ? null : new Error(failure), stdout, "");
  };
}

async function readFacts(): Promise<CpuFacts> {
  const { default: package_ } = await import("systeminformation/lib/cpu.js");
  const { manufacturer, brand, vendor, cores, physicalCores, flags } = await package_.cpu();
  return { manufacturer, brand, vendor, cores, physicalCores, flags };
}

/** Serves when this file is the program of a thread; a plain import does nothing. */
function serve(scope: ThreadScope): void {
  const fail = (error: unknown): void =>
    scope.postMessage({
      kind: "failed",
      text: error instanceof Error ? error.message : `${error}`,
    });
  // Not prevented, these would also print the error to stderr of the host.
  scope.addEventListener("error", (event) => {
    event.preventDefault();
    fail((event as ErrorEvent).error);
  });
  scope.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    fail((event as PromiseRejectionEvent).reason);
  });
  // The package reads variables at its import, for which the program may have no permission.
  process.env = {};
  sendCommands(scope);
  readFacts().then((facts) => scope.postMessage({ kind: "done", facts }), fail);
}

if (import.meta.main) serve(globalThis as unknown as ThreadScope);
