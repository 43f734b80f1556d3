/** Environments that cannot be prepared: which failures another attempt may cure. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  DenoEnvironments,
  PythonEnvironments,
} from "../../../../src/jobs/scripts/environments/mod.ts";
import { ScriptPythons } from "../../../../src/python_env/mod.ts";
import { tempDir } from "../../../fixtures/host.ts";
import { errorOf, start } from "../../../fixtures/script_jobs.ts";
import { tinySource } from "../../../python_env/tiny_source.ts";

/** An index of packages that answers with a status. */
class Index implements AsyncDisposable {
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("no", { status: this.status }),
  );

  constructor(readonly status: number) {}

  /** The variables by which pip and uv ask it. */
  get env(): Record<string, string> {
    const url = `http://127.0.0.1:${this.#server.addr.port}/simple`;
    return { PIP_INDEX_URL: url, UV_DEFAULT_INDEX: url, PIP_RETRIES: "0", UV_HTTP_RETRIES: "0" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Fails to prepare a script that wants an unknown package. */
async function failure(index: Index): Promise<SnakedenError> {
  await using tiny = await tinySource();
  const { PIP_NO_INDEX: _, UV_OFFLINE: __, ...env } = tiny.env;
  const pythons = new ScriptPythons({ dataDir: tiny.dataDir }, {
    source: tiny.source,
    env: { ...env, ...index.env },
  });
  using environments = new PythonEnvironments({ dataDir: tiny.dataDir }, { pythons });
  const script = '# /// script\n# dependencies = ["no-such-pie"]\n# ///\n';
  const error = await environments.prepare(await tiny.write("a.py", script))
    .then(() => assert.fail("it was prepared"), (it: unknown) => it);
  assert.ok(error instanceof SnakedenError);
  assert.equal(error.code, "environment_failed");
  return error;
}

Deno.test("a package that its index does not have is a final failure", async () => {
  await using index = new Index(404);
  const { message, details } = await failure(index);
  assert.match(message, /the package index does not have a package\. Check its name/);
  assert.equal(details.final, true, message);
});

Deno.test("a package is tried again if its index does not answer as it should", async () => {
  await using index = new Index(503);
  const { message, details } = await failure(index);
  assert.equal(details.final, undefined, message);
});

Deno.test("a script that cannot be right has one attempt, and one that may be has all", async () => {
  await using dir = await tempDir();
  const scripts: Readonly<Record<string, string>> = {
    "block.py": "# /// script\n# dependencies = 5\n# ///\n",
    "twice.py": "# /// script\n# dependencies = []\n# ///\n\n".repeat(2),
    "import.ts": 'import "./none.ts";',
    "package.ts": 'import "nothing-of-this-name";',
    "text.ts": "const x = ;",
    "config/a.ts": "console.log(1);",
    "config/deno.json": '{ "imports": ',
  };
  for (const [name, text] of Object.entries(scripts)) {
    await Deno.mkdir(join(dir.path, name, ".."), { recursive: true });
    await Deno.writeTextFile(join(dir.path, name), text);
  }
  await using den = await start({ scriptFolders: [dir.path] });
  for (const script of Object.keys(scripts).filter((it) => /\.(py|ts)$/.test(it))) {
    const job = await den.jobs.submit({ kind: "script", script, maxAttempts: 3 });
    const { attempts = [], error } = await job.done({ timeoutMs: 60_000 });
    assert.deepEqual([error?.code, attempts.length], ["environment_failed", 1], script);
  }
  // A program that cannot be run may be there later.
  const environments = new DenoEnvironments({ dataDir: dir.path, deno: join(dir.path, "none") });
  await assert.rejects(environments.prepare(join(dir.path, "text.ts")), (error) => {
    assert.ok(error instanceof SnakedenError);
    assert.deepEqual([error.code, error.details.final], ["environment_failed", undefined]);
    return true;
  });
  assert.match((await errorOf(den, { script: "block.py" })).message, /dependencies: given 5/);
});

function hasUv(): boolean {
  try {
    return new Deno.Command("uv", { args: ["--version"] }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test({
  name: "the environment of a script is built with uv if it is on PATH",
  ignore: !hasUv(),
  fn: async () => {
    await using tiny = await tinySource();
    await tiny.wheel("fine_pie", "1.0");
    const pythons = new ScriptPythons({ dataDir: tiny.dataDir }, {
      source: tiny.source,
      env: tiny.env,
    });
    using environments = new PythonEnvironments({ dataDir: tiny.dataDir }, { pythons });
    const script = '# /// script\n# dependencies = ["fine-pie>=1"]\n# ///\n';
    const lines: string[] = [];
    using prepared = await environments.prepare(await tiny.write("a.py", script), {}, {
      onProgress: (line) => lines.push(line),
    });
    assert.ok(lines.some((it) => it === "Creating environment with uv"), lines.join("\n"));
    const { stdout } = await new Deno.Command(prepared.python, {
      args: ["-c", "import fine_pie, snakeden; print(fine_pie.VERSION, snakeden.__name__)"],
      env: { ...prepared.env },
      clearEnv: true,
    }).output();
    assert.equal(new TextDecoder().decode(stdout), "1.0 snakeden\n");
  },
});
