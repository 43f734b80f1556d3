/**
 * The example of a model in a session, with a real environment for it: the package index must be
 * reachable.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import type { CarrierKind } from "../../src/bridge/mod.ts";
import { defineTool, Snakeden, SnakedenError } from "../../mod.ts";
import { type Snippet, snippetsOf } from "../docs/markdown.ts";
import { isShown } from "../docs/shown_output.ts";
import { HostProcess, ROOT, ServerProcess, tempDir } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { Terminal } from "../fixtures/processes/terminal.ts";
import { until } from "../fixtures/until.ts";

const FOLDER = join(ROOT, "examples/digits");
const PAGE = "examples/digits/README.md";
const MAIN = "examples/digits/main.ts";
const SERVE = "SNAKEDEN_CONFIG=examples/digits/snakeden.config.json deno task serve";

Deno.test("examples/digits trains in a session, and says after a restart that the model is gone", async (t) => {
  await using dir = await tempDir();
  const env = { SNAKEDEN_DATA_DIR: dir.path };
  const snippets = snippetsOf(await Deno.readTextFile(join(ROOT, PAGE)));
  const shells = snippets.filter(({ language }) => language === "sh");
  const scripts = shells.filter(({ text }) => text.startsWith("deno task run"));
  const requests = shells.filter((it) => !scripts.includes(it));
  assert.deepEqual([scripts.length, requests.length], [2, 8]);

  const assertShown = ({ line }: Snippet, output: string): void => {
    const shown = snippets.find((it) => it.line > line);
    assert.ok(shown?.followsSnippet || shown?.language === "text", `line ${line} shows an output`);
    assert.ok(isShown(shown?.text ?? "", output), `line ${line} shows another output: ${output}`);
  };

  for (const script of scripts) {
    await t.step(`line ${script.line}: the program prints what the page shows`, async () => {
      const [, , ...args] = script.text.trim().split(" ");
      const { code, stdout, stderr } = await run(["task", "--quiet", "run", ...args.slice(1)], env);
      assert.equal(code, 0, stderr);
      assertShown(script, stdout);
    });
  }

  await t.step(
    "Ctrl-C in the middle of the training ends it, and the next run goes on",
    async () => {
      const command = [Deno.execPath(), "task", "--quiet", "run", MAIN, "1000000"];
      await using terminal = await Terminal.open(command, { env });
      await terminal.shows(/^epoch 20: /m);
      await terminal.pressCtrlC();
      assert.equal(await terminal.finished(), 130, terminal.output);
      const { code, stdout, stderr } = await run(["task", "--quiet", "run", MAIN, "1"], env);
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^kept: epochs \d+\nkept: accuracy 0\.9\d*\ngone: the model, /m);
    },
  );

  await t.step("a wrong argument is refused before anything is started", async () => {
    for (const args of [["three"], ["0"], ["1", "2"]]) {
      const { code, stdout, stderr } = await run(["task", "--quiet", "run", MAIN, ...args], env);
      assert.deepEqual([code, stdout], [2, ""]);
      assert.equal(stderr, "usage: main.ts [EPOCHS], a whole number from 1\n");
    }
  });

  let server: ServerProcess | undefined;
  try {
    for (const request of requests) {
      await t.step(`line ${request.line}: the server answers what the page shows`, async () => {
        if (request.text.trim() === SERVE) {
          server?.kill("SIGKILL");
          await server?.finished();
          server = await ServerProcess.start({
            dataDir: dir.path,
            env: { SNAKEDEN_CONFIG: join(FOLDER, "snakeden.config.json") },
          });
        } else assertShown(request, await shell(request.text, server?.url ?? ""));
      });
    }
  } finally {
    await server?.[Symbol.asyncDispose]();
  }

  for (const carrier of ["socket", "grpc"] as const) {
    await t.step(`over ${carrier}, the model stays in its worker and dies with it`, async () => {
      const metrics: unknown[] = [];
      await using den = await start(dir.path, { carrier, metrics });
      const options = { sessionId: carrier, affinity: "strict_queue" } as const;
      const predict = (pixels: number[]): Promise<unknown> =>
        den.execute("predict", { pixels }, options);
      const { variables } = await den.sessions.open(carrier);
      await assert.rejects(predict([]), { message: /the session has no model in this worker/ });
      const epochs = (): Promise<unknown[]> =>
        Array.fromAsync(den.stream("train", { epochs: 2 }, options));
      const chunks: unknown[] = await epochs();
      assert.deepEqual(chunks, [
        { epoch: 1, accuracy: 0.9 },
        { epoch: 2, accuracy: 0.92 },
      ]);
      const inSession = (epoch: unknown): unknown => ({ epoch, sessionId: carrier });
      assert.deepEqual(metrics, chunks.map(inSession));
      const all = [...chunks, ...await epochs()];
      assert.equal(all.length, 4);
      assert.deepEqual(metrics, all.map(inSession));
      assert.equal((await variables.get("epochs")).value, 4);
      const confusion = await variables.get("confusion");
      assert.deepEqual([confusion.type, confusion.constraints], ["tensor", { shape: [10, 10] }]);
      await assert.rejects(predict([1]), { message: /pixels: given 1 numbers; allowed: 64/ });
      const { worker } = await den.sessions.get(carrier);
      const { pid } = den.workers.list().find(({ id }) => id === worker?.workerId) ?? {};
      assert.ok(pid);
      signalPid(pid, "SIGKILL");
      const isGone = async (): Promise<boolean> =>
        (await den.sessions.get(carrier)).worker?.workerEnd !== undefined;
      await until(isGone, "the host knows the end of the worker");
      const error = await errorOf(predict([]));
      assert.equal(error.code, "session_worker_unavailable");
      assert.match(String(error.details.workerEnd), /^died with signal SIGKILL/);
    });
  }
});

async function errorOf(call: Promise<unknown>): Promise<SnakedenError> {
  const error: unknown = await call.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

async function start(
  dataDir: string,
  { carrier, metrics }: { carrier: CarrierKind; metrics: unknown[] },
): Promise<Snakeden> {
  const logMetrics = defineTool({
    name: "log_metrics",
    input: z.object({ epoch: z.number(), accuracy: z.number() }),
    expose: ["default"],
    run: (epoch, { sessionId }) => {
      metrics.push({ epoch, sessionId });
    },
  });
  return await Snakeden.start({
    dataDir,
    pools: [{
      name: "default",
      size: 2,
      carrier,
      adapter: "digits:Digits",
      modulePaths: [FOLDER],
      // The same as those of the page, whose environment is there already.
      python: { requirements: [join(FOLDER, "requirements.txt")] },
    }],
    hostTools: [logMetrics],
  });
}

async function run(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  await using script = new HostProcess(args, { env });
  return await script.finished();
}

/** Runs commands of the page against the server at `url`, and returns what they print. */
async function shell(commands: string, url: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-euc", commands.replaceAll("localhost:8000", url)],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const output = new TextDecoder().decode(stdout);
  assert.ok(success, commands + output + new TextDecoder().decode(stderr));
  return output;
}
