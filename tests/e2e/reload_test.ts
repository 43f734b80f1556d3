import assert from "node:assert/strict";
import { join } from "node:path";
import { runAsScript, type Snakeden, type SnakedenOptions } from "../../mod.ts";
import { startDen, tempDir, workersOf } from "../fixtures/host.ts";
import { LogSink } from "../fixtures/log_sink.ts";
import { until } from "../fixtures/until.ts";

type PoolInput = NonNullable<SnakedenOptions["pools"]>[number];

const HEADER = "import time\nfrom snakeden import tool\n";

/** The source of an adapter whose `version` returns `value`, with more tools if wanted. */
function source(value: string, ...more: string[]): string {
  return `${HEADER}
@tool
def version() -> str:
    return "${value}"

@tool
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "${value}"
${more.map((name) => `\n@tool\ndef ${name}() -> str:\n    return "${name}"\n`).join("")}`;
}

const BROKEN = `${HEADER}\n@tool\ndef version() -> str:\n    return (1 +\n`;

interface Project extends AsyncDisposable {
  readonly path: string;
  /** Saves a file, as editors do: in place or, with `replace`, by renaming another one. */
  save(
    text: string,
    options?: { readonly file?: string; readonly replace?: boolean },
  ): Promise<void>;
}

/** A folder with the adapter `texts`. */
async function project(text: string): Promise<Project> {
  const dir = await tempDir();
  const save: Project["save"] = async (content, { file = "texts.py", replace = false } = {}) => {
    const path = join(dir.path, file);
    await Deno.writeTextFile(replace ? `${path}.tmp` : path, content);
    if (replace) await Deno.rename(`${path}.tmp`, path);
  };
  await save(text);
  return { path: dir.path, save, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
}

function startDev({ path }: Project, pool: Partial<PoolInput> = {}): Promise<Snakeden> {
  return startDen({ adapter: "texts", modulePaths: [path], ...pool }, { dev: true });
}

function names(den: Snakeden): string[] {
  return den.tools.list().map(({ name }) => name).sort();
}

/** Resolves once a call runs the code that returns `value`. */
async function untilServed(den: Snakeden, value: string): Promise<void> {
  await until(async () => await den.execute("version") === value, `the code of ${value}`);
}

for (const [carrier, edits] of [["socket", 100], ["grpc", 25]] as const) {
  Deno.test(`Snakeden with dev serves each of ${edits} edits over ${carrier}, and no call that runs fails`, async () => {
    await using files = await project(source("v000"));
    await using den = await startDev(files, { carrier, size: 2 });
    const failures: unknown[] = [];
    let answers = 0;
    let going = true;
    let most = 0;
    const callers = Array.from({ length: 3 }, async (_, i) => {
      while (going) {
        await den.execute("slow", { seconds: 0.03 * (i + 1) })
          .then(() => answers++, (error) => failures.push(error));
        most = Math.max(most, workersOf({ runId: den.runId }).length);
      }
    });
    try {
      for (let edit = 1; edit <= edits; edit++) {
        const value = `v${String(edit).padStart(3, "0")}`;
        const replace = edit % 2 === 0;
        if (edit % 3 === 2) {
          const { changedAt } = den.pools.get("default").reload ?? {};
          await files.save(BROKEN.replace("1 +", `${edit} +`), { replace });
          await until(() => {
            const { reload } = den.pools.get("default");
            return reload?.state === "failed" && reload.changedAt !== changedAt;
          }, "the broken code to be tried");
          assert.equal(den.pools.get("default").state, "ready");
        } else {
          // The same length in the same second: only a fresh look at the source tells them apart.
          await files.save(source(value), { replace });
          await untilServed(den, value);
        }
      }
    } finally {
      going = false;
      await Promise.all(callers);
    }
    assert.deepEqual(failures, []);
    assert.ok(answers > 0);
    // Each of two slots may have an old worker that finishes, and one that starts or is given up.
    assert.ok(most <= 8, `${most} processes at a time`);
    await until(() => workersOf({ runId: den.runId }).length === 2, "no worker is left over");
    assert.equal(den.pools.get("default").stats.crashed, 0);
  });
}

Deno.test("Snakeden with dev keeps the old workers if a file is broken, and shows the broken line", async () => {
  await using files = await project(source("good"));
  await using den = await startDev(files);
  await files.save(BROKEN);
  await until(() => den.pools.get("default").reload?.state === "failed", "it was tried");
  const { state, reason, reload } = den.pools.get("default");
  assert.deepEqual([state, reason, reload?.files], ["ready", undefined, ["texts.py"]]);
  assert.match(
    reload?.reason ?? "",
    /File ".*\/texts\.py", line 6\n +return \(1 \+\n +\^\nSyntaxError: '\(' was never closed/,
  );
  assert.equal(await den.execute("version"), "good");
  await files.save(source("better"));
  await untilServed(den, "better");
});

Deno.test("Snakeden with dev starts with a broken adapter, and serves as soon as it is repaired", async () => {
  await using files = await project(BROKEN);
  await using den = await startDev(files);
  assert.equal(den.pools.get("default").state, "unhealthy");
  await assert.rejects(den.execute("version"), { code: "pool_unhealthy" });
  await files.save(source("good"));
  await until(() => den.pools.get("default").reload !== undefined, "the change was seen");
  // The call waits for the worker that starts.
  assert.equal(await den.execute("version"), "good");
});

Deno.test("Snakeden with dev adds and removes tools with the code, and names a near one", async () => {
  await using files = await project(source("one", "embed"));
  await using den = await startDev(files);
  await files.save(source("two", "embedded"));
  await untilServed(den, "two");
  assert.deepEqual(names(den), ["embedded", "slow", "version"]);
  assert.equal(await den.execute("embedded"), "embedded");
  await assert.rejects(den.execute("embed"), {
    code: "unknown_tool",
    message: /There is no tool "embed"; did you mean "embedded"\?/,
  });
});

Deno.test("Snakeden with dev reloads for modules that an adapter imports, even from new packages", async () => {
  await using files = await project(source("one"));
  await using den = await startDev(files);
  await Deno.mkdir(join(files.path, "inner"));
  await files.save('NAME = "inner one"\n', { file: "inner/__init__.py" });
  await files.save(
    source("one").replace('"one"', "NAME").replace(HEADER, (it) => `${it}from inner import NAME\n`),
  );
  await untilServed(den, "inner one");
  await files.save('NAME = "inner two"\n', { file: "inner/__init__.py", replace: true });
  await untilServed(den, "inner two");
});

Deno.test("Snakeden with dev closes circuits, and runs calls again that were poison", async () => {
  await using files = await project(
    `${HEADER}import os\n\n@tool\ndef version() -> str:\n    os._exit(3)\n`,
  );
  await using den = await startDev(files, {
    size: 1,
    poisonAfter: 1,
    breaker: { threshold: 1, resetMs: 3_600_000 },
  });
  await assert.rejects(den.execute("version"), { code: "poison_call" });
  await assert.rejects(den.execute("version"));
  await files.save(source("mended"));
  await until(() => den.pools.get("default").reload?.state === "loaded", "it is served");
  assert.equal(await den.execute("version"), "mended");
});

Deno.test("Snakeden with dev warns of a tool that another pool has too, and of policies without a tool", async () => {
  await using log = new LogSink();
  await using files = await project(source("one", "embed"));
  await using other = await project(source("other"));
  const dataDir = await Deno.makeTempDir({ prefix: "snakeden-test-" });
  await using den = await startDen({}, {
    dataDir,
    dev: true,
    pools: [
      {
        name: "a",
        size: 1,
        adapter: "texts",
        modulePaths: [files.path],
        tools: { embed: { retry: { attempts: 2 } } },
      },
      { name: "b", size: 1, adapter: "texts", modulePaths: [other.path] },
    ],
  });
  await other.save(source("two", "embed"));
  await until(() => den.pools.get("b").reload?.state === "loaded", "b is reloaded");
  assert.equal(den.pools.get("a").reload, undefined, "a has no file in that folder");
  assert.equal(await den.execute("embed"), "embed");
  assert.equal(await den.execute("version", {}, { pool: "b" }), "two");
  assert.match(
    await log.text(),
    /WARN .*embed is a tool of b and a: a call that names no pool goes to a\n/,
  );
  await files.save(source("two"));
  await until(() => den.pools.get("a").reload?.state === "loaded", "a is reloaded");
  assert.match(await log.text(), /pool a has policies for embed, but no such tool/);
  assert.match(await log.text(), /reloaded pool a in \d+\.\d s \(texts\.py\): tools -embed\n/);
  await den.stop();
  await Deno.remove(dataDir, { recursive: true });
});

Deno.test("Snakeden.pools.recycle() loads the current code, and a new tool runs while old workers still finish", async () => {
  await using files = await project(source("one", "old"));
  await using den = await startDen({ adapter: "texts", modulePaths: [files.path], size: 2 });
  const held = [1, 2].map(() => den.execute("slow", { seconds: 3 }));
  await until(() => den.pools.get("default").workers.busy === 2, "both are busy");
  await files.save(source("another", "embed"));
  const { done } = den.pools.startRecycle();
  await until(() => names(den).includes("embed"), "the new tool");
  assert.equal(await den.execute("embed"), "embed");
  await assert.rejects(den.execute("old"), { code: "unknown_tool" });
  assert.deepEqual(await Promise.all(held), ["one", "one"]);
  await done;
  assert.equal(await den.execute("version"), "another");
});

Deno.test("runAsScript() with dev waits for a broken adapter to be repaired", async () => {
  await using log = new LogSink();
  await using files = await project(BROKEN);
  await using dir = await tempDir();
  const probe = await startDen({ size: 1 });
  const { executable } = probe.config.python;
  await probe.stop();
  let hasBegun = false;
  const result = runAsScript(async (den) => {
    hasBegun = true;
    return await den.execute("version");
  }, {
    dev: true,
    dataDir: dir.path,
    python: executable === undefined ? {} : { executable },
    pools: [{ name: "default", size: 1, adapter: "texts", modulePaths: [files.path] }],
    startupTimeoutMs: 1,
  });
  await until(async () => /has no worker until its code/.test(await log.text()), "it waits");
  assert.ok(!hasBegun);
  await files.save(source("good"));
  assert.equal(await result, "good");
});

Deno.test("Snakeden with dev reloads the pools that imported a changed file, or all pools if none did", async () => {
  await using files = await project(source("a"));
  const lazy = source("b").replace('return "b"', "import late\n    return late.NAME");
  await files.save(lazy, { file: "other.py" });
  await files.save('NAME = "late"\n', { file: "late.py" });
  await using dir = await tempDir();
  await using den = await startDen({}, {
    dataDir: dir.path,
    dev: true,
    pools: [
      { name: "a", size: 1, adapter: "texts", modulePaths: [files.path] },
      { name: "b", size: 1, adapter: "other", modulePaths: [files.path] },
    ],
  });
  const filesOf = (pool: string): readonly string[] | undefined =>
    den.pools.get(pool).reload?.files;
  const version = (): Promise<unknown> => den.execute("version", {}, { pool: "b" });
  await files.save(lazy.replace("NAME", "NAME + '!'"), { file: "other.py" });
  await until(async () => await version() === "late!", "the new code of b");
  await files.save('NAME = "later"\n', { file: "late.py" });
  await until(async () => await version() === "later!", "the new code of what b has imported late");
  assert.equal(filesOf("a"), undefined);
  await files.save("X = 1\n", { file: "unknown.py" });
  await until(() => filesOf("a")?.includes("unknown.py"), "a reloads too");
  assert.deepEqual(filesOf("b"), ["unknown.py"]);
  await den.stop();
});

Deno.test("Snakeden with dev reloads all pools of a file that links give several names", async () => {
  await using files = await project(
    "from pkg.names import NAME\n" + source("a").replace('"a"', "NAME"),
  );
  await using other = await project(
    "from names import NAME\n" + source("a").replace('"a"', "NAME"),
  );
  await other.save('NAME = "one"\n', { file: "names.py" });
  await Deno.symlink(other.path, join(files.path, "pkg"));
  await Deno.symlink(other.path, join(files.path, "link"));
  await using dir = await tempDir();
  const modulePaths = [files.path, other.path, join(files.path, "link")];
  await using den = await startDen({}, {
    dataDir: dir.path,
    dev: true,
    pools: modulePaths.map((path, i) => (
      { name: `p${i}`, size: 1, adapter: "texts", modulePaths: [path] }
    )),
  });
  await other.save('NAME = "two"\n', { file: "names.py" });
  for (const pool of ["p0", "p1", "p2"]) {
    await until(async () => await den.execute("version", {}, { pool }) === "two", pool);
  }
  await den.stop();
});

Deno.test("Snakeden with dev calls the hooks of sessions when a reload drops their objects", async () => {
  await using files = await project(keeping("v1"));
  await using den = await startDev(files, { size: 1 });
  await den.sessions.open("s-1");
  const count = (): Promise<unknown> => den.execute("count", {}, { sessionId: "s-1" });
  assert.deepEqual([await count(), await count()], ["v1 1", "v1 2"]);
  await files.save(keeping("v2"));
  const seen = await until(async () => {
    const answer = await count();
    return answer === "v2 1" ? answer : undefined;
  }, "the code of v2");
  assert.equal(seen, "v2 1");
  const ended = join(files.path, "ended");
  const text = (): Promise<string> => Deno.readTextFile(ended).catch(() => "");
  await until(async () => (await text()) !== "", "the hook");
  assert.match(await text(), /^v1 s-1 \d+\n$/);
});

/** The source of an adapter that counts in `session.local`, and writes down what ends. */
function keeping(version: string): string {
  return `from pathlib import Path
from snakeden import Adapter, current_call, tool

class Keeping(Adapter):
    @tool
    def count(self) -> str:
        local = current_call().session.local
        local["count"] = local.get("count", 0) + 1
        return f"${version} {local['count']}"

    async def on_session_end(self, session_id: str, local: dict) -> None:
        with open(Path(__file__).with_name("ended"), "a") as file:
            file.write(f"${version} {session_id} {local['count']}\\n")
`;
}
