/** Tests a server that ends with its parent: SNAKEDEN_PARENT=stdin. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { devPython } from "../../scripts/dev_python.ts";
import { isAlive, ROOT, SERVE, tempDir, workersOf } from "../fixtures/host.ts";
import { signalPid } from "../fixtures/processes/signals.ts";
import { until } from "../fixtures/until.ts";

/** A server with a pipe to its standard input. */
class ServerWithPipe implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  output = "";

  constructor(env: Record<string, string>, args: readonly string[] = []) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...SERVE, "--allow-write=/tmp", join(ROOT, "main.ts"), ...args],
      env: { NO_COLOR: "1", SNAKEDEN_PORT: "0", SNAKEDEN_PARENT: "stdin", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([this.#read(this.#child.stdout), this.#read(this.#child.stderr)]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get stdin(): WritableStream<Uint8Array> {
    return this.#child.stdin;
  }

  async shows(pattern: RegExp): Promise<string> {
    return await until(
      () => {
        const [, found] = pattern.exec(this.output) ?? [];
        if (found === undefined && !isAlive(this.pid)) throw new Error(this.output);
        return found;
      },
      `${pattern}`,
      { timeoutMs: 60_000 },
    );
  }

  async finished(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.finished();
    await this.#child.stdin.close().catch(() => {});
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
  }
}

async function envOf(
  dataDir: string,
  config: Record<string, unknown> = {},
): Promise<Record<string, string>> {
  return {
    SNAKEDEN_DATA_DIR: dataDir,
    SNAKEDEN_PYTHON: await devPython(),
    SNAKEDEN_CONFIG_JSON: JSON.stringify(config),
  };
}

async function assertNoWorkers(dataDir: string): Promise<void> {
  await until(() => workersOf({ connect: dataDir }).length === 0, "the workers to end");
}

Deno.test("the server stops in order at the end of its standard input, and not before", async () => {
  await using dir = await tempDir();
  await using server = new ServerWithPipe(await envOf(dir.path));
  const url = await server.shows(/^listening on (\S+)$/m);
  const writer = server.stdin.getWriter();
  await writer.write(new TextEncoder().encode("what arrives means nothing\n"));
  const answer = await fetch(`${url}/healthz`);
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  assert.ok(workersOf({ connect: dir.path }).length > 0);
  await writer.close();
  assert.equal(await server.finished(), 0, server.output);
  assert.match(server.output, /the parent has ended/);
  assert.match(server.output, /stopping signal=SIGTERM/);
  await assertNoWorkers(dir.path);
});

Deno.test("the end of standard input and SIGTERM are one request, in whichever order", async () => {
  for (const isPipeFirst of [true, false]) {
    await using dir = await tempDir();
    await using server = new ServerWithPipe(await envOf(dir.path));
    await server.shows(/^(listening on) /m);
    if (isPipeFirst) await server.stdin.close();
    signalPid(server.pid, "SIGTERM");
    if (!isPipeFirst) await server.stdin.close();
    assert.equal(await server.finished(), 0, server.output);
    assert.equal(server.output.match(/ stopping /g)?.length, 1, server.output);
    await assertNoWorkers(dir.path);
  }
});

Deno.test("a server whose parent ends during the start leaves nothing behind", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(
    join(dir.path, "slow_setup.py"),
    "import pathlib, time\n" +
      `pathlib.Path(${JSON.stringify(dir.path)}, "begun").touch()\n` +
      "time.sleep(600)\n",
  );
  const pools = [{ name: "default", size: 1, adapter: "slow_setup", modulePaths: [dir.path] }];
  await using server = new ServerWithPipe(await envOf(dir.path, { pools }));
  await until(() => exists(join(dir.path, "begun")), "the import to begin", { timeoutMs: 60_000 });
  await server.stdin.close();
  assert.equal(await server.finished(), 0, server.output);
  assert.doesNotMatch(server.output, /listening/);
  await assertNoWorkers(dir.path);
});

Deno.test("a server whose configuration never loads ends with its parent", async () => {
  await using dir = await tempDir();
  const file = join(dir.path, "snakeden.config.ts");
  const begun = join(dir.path, "begun");
  await Deno.writeTextFile(
    file,
    `Deno.writeTextFileSync(${JSON.stringify(begun)}, "");
     setInterval(() => {}, 1000);
     export default new Promise(() => {});`,
  );
  await using server = new ServerWithPipe(await envOf(dir.path), ["--config", file]);
  await until(() => exists(begun), "the file to be loaded", { timeoutMs: 60_000 });
  await server.stdin.close();
  assert.equal(await server.finished(), 0, server.output);
});

Deno.test("the server refuses another value of SNAKEDEN_PARENT", async () => {
  await using dir = await tempDir();
  await using server = new ServerWithPipe({
    ...await envOf(dir.path),
    SNAKEDEN_PARENT: "pid",
  });
  assert.equal(await server.finished(), 78);
  assert.match(server.output, /SNAKEDEN_PARENT: given "pid"; allowed: stdin/);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
