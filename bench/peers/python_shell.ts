import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Contender, PAYLOAD, type StartOptions } from "../contender.ts";

const SCRIPT = fileURLToPath(new URL("python_shell_script.py", import.meta.url));

/**
 * The part of the package that is used here. The package is not installed where types are checked.
 */
interface PythonShellPackage {
  readonly PythonShell: new (
    script: string,
    options: { readonly mode: "json"; readonly pythonPath: string },
  ) => {
    readonly childProcess: { readonly pid?: number };
    on(event: "message", listener: (message: Message) => void): void;
    send(message: unknown): void;
    end(callback: () => void): void;
  };
}

interface Message {
  readonly id: number;
  readonly value: unknown;
}

/**
 * Starts the npm package python-shell: one Python process, JSON lines over stdio. The calls of all
 * callers share the pipe, and have ids. The package is no slower in Deno than in Node: both have
 * been measured.
 */
export async function start({ python, npmFolder }: StartOptions): Promise<Contender> {
  const require = createRequire(join(npmFolder, "package.json"));
  const { PythonShell }: PythonShellPackage = require("python-shell");
  const shell = new PythonShell(SCRIPT, { mode: "json", pythonPath: python });
  const waiting = new Map<number, (value: unknown) => void>();
  let lastId = 0;
  shell.on("message", ({ id, value }: Message) => waiting.get(id)?.(value));
  const call = async (value: unknown): Promise<unknown> => {
    const id = ++lastId;
    const answer = await new Promise((resolve) => {
      waiting.set(id, resolve);
      shell.send({ id, value });
    });
    waiting.delete(id);
    return answer;
  };
  // The process exists before it can answer.
  await call("hello");
  return {
    pids: [shell.childProcess.pid].filter((it) => it !== undefined),
    async echo(): Promise<void> {
      if (await call(PAYLOAD.value) !== PAYLOAD.value) throw new Error("wrong echo");
    },
    async stream(n, onChunk): Promise<void> {
      const id = ++lastId;
      await new Promise<void>((resolve) => {
        let left = n;
        waiting.set(id, (value) => {
          void onChunk(value);
          if (--left === 0) resolve();
        });
        shell.send({ id, count: n });
      });
      waiting.delete(id);
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => shell.end(() => resolve())),
  };
}
