/** Commands of the configuration, inline scripts, and scripts that use their host, as jobs. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { JobInput } from "../../mod.ts";
import { SnakedenClient } from "../../src/client/mod.ts";
import { ROOT, ServerProcess, startDen, tempDir } from "../fixtures/host.ts";
import { refusal, SCRIPTS, start, textsOf } from "../fixtures/script_jobs.ts";

const KEY = "a-key-of-16-characters";
const commands = {
  say: { command: ["printf", "%s|", "{text}", "--n={n}", "{{text}", "$HOME;ls"] },
  count: { command: ["wc", "-c"] },
  size: { command: ["echo", "{a}{b}", "{c}-{d}"] },
};

Deno.test("a command is run with its arguments in their places, and without a shell", async () => {
  await using den = await start({ scriptFolders: [], commands });
  const job = await den.jobs.submit({
    kind: "command",
    command: "say",
    args: { text: "a b'\"; rm -rf $(x)\nc", n: -5 },
  });
  assert.equal(await job.result(), null);
  assert.equal(
    (await textsOf(job, "stdout")).join("\n"),
    "a b'\"; rm -rf $(x)\nc|--n=-5|{text}|$HOME;ls|",
  );
  assert.equal(job.job.command, "say");
  assert.equal(job.job.pool, undefined);
  const counted = await den.jobs.submit({ kind: "command", command: "count", stdin: "12345" });
  await counted.done();
  assert.deepEqual(await textsOf(counted, "stdout"), ["5"]);
});

Deno.test("a command is refused for arguments that it does not take", async () => {
  await using den = await start({ scriptFolders: [], commands });
  const cases: [unknown, RegExp][] = [
    [{ command: "sya" }, /command: given "sya"; did you mean "say"\?/],
    [{ command: "toString" }, /command: given "toString"; there are count, say, size/],
    [{ command: "say", args: { text: "a" } }, /args\.n: missing; allowed: a text, a number/],
    [{ command: "say", args: { text: "a", n: 1, x: 1 } }, /args\.x: the command has no such/],
    [{ command: "say", args: { text: "-rf", n: 1 } }, /args\.text: given "-rf", which the program/],
    [{ command: "size", args: { a: "", b: "-n", c: 1, d: "" } }, /args\.b: given "-n", which/],
    [{ command: "size", args: { a: "", b: "", c: "", d: "rf" } }, /args\.c: given "", which/],
    [{ command: "say", args: { text: "a", n: 1 }, env: { BASH_ENV: "$(id)" } }, /env\.BASH_ENV/],
    [{ command: "say", args: { text: ["a"], n: 1 } }, /args\.text: given another value/],
    [{ command: "say", args: { text: "a\0", n: 1 } }, /given a text with NUL/],
    [{ command: "count", args: ["a"] }, /args: given a list of 1; allowed: an object/],
  ];
  for (const [fields, text] of cases) {
    assert.match(await refusal(den, { kind: "command", ...fields as object }), text);
  }
  await using none = await start({ scriptFolders: [] });
  const text = /command: given "say"; allowed: none, since jobs\.commands has none$/;
  assert.match(await refusal(none, { kind: "command", command: "say" }), text);
});

Deno.test("a job is not run beyond what the configuration allows by now", async () => {
  await using folder = await tempDir();
  const permissions = { env: ["TEST_*"] };
  const late = { runAt: new Date(Date.now() + 3_600_000).toISOString(), maxAttempts: 1 } as const;
  let ids: string[];
  {
    await using den = await startDen({ size: 1 }, {
      dataDir: folder.path,
      apiKey: KEY,
      jobs: {
        scriptFolders: [{ path: SCRIPTS, permissions }],
        allowInline: true,
        commands: { show: { command: ["echo", "x={a}"] } },
      },
    });
    const inputs: JobInput[] = [
      { kind: "script", script: "echo.ts", permissions: { env: ["TEST_A"] }, ...late },
      { kind: "script", source: "print(1)", language: "python", ...late },
      { kind: "command", command: "show", args: { a: "-n" }, ...late },
    ];
    ids = [];
    for (const it of inputs) ids.push((await den.jobs.submit(it)).id);
  }
  await using den = await start({ commands: { show: { command: ["echo", "{a}"] } } }, folder.path);
  const problems = [/permissions\.env\[0\]: given "TEST_A"; allowed: none/, /allowInline/, /"-n"/];
  for (const [i, id] of ids.entries()) {
    await den.jobs.retry(id);
    const { state, error } = await den.jobs.wait(id);
    assert.deepEqual([state, error?.code], ["discarded", "script_failed"]);
    assert.match(error?.message ?? "", problems[i] ?? /none/);
  }
});

Deno.test("inline scripts are off, refused without an API key, and run with both", async () => {
  await using off = await start();
  const python = { kind: "script", source: "print('in', 'line')", language: "python" } as const;
  assert.match(await refusal(off, python), /source: given, but inline scripts are off/);
  await assert.rejects(start({ allowInline: true }), /jobs\.allowInline: given true without an/);

  await using den = await startDen({ size: 1 }, { apiKey: KEY, jobs: { allowInline: true } });
  const job = await den.jobs.submit(python);
  await job.done();
  assert.deepEqual(await textsOf(job, "stdout"), ["in line"]);
  assert.equal(job.job.script, undefined);
  const typescript: JobInput = {
    kind: "script",
    source: 'console.log("::snakeden result " + JSON.stringify(Deno.args));',
    language: "typescript",
    args: ["x"],
  };
  assert.deepEqual(await (await den.jobs.submit(typescript)).result(), ["x"]);
  assert.match(await refusal(den, { kind: "script", source: "1" }), /language: missing/);
  const keyed = { ...python, idempotencyKey: "same" } as const;
  const first = await den.jobs.submit(keyed);
  assert.equal((await den.jobs.submit(keyed)).id, first.id);
  await assert.rejects(den.jobs.submit({ ...keyed, source: "print(2)" }), /idempotency/);
  assert.match(
    await refusal(den, { ...typescript, permissions: { read: true } }),
    /permissions\.read: given true; allowed: none/,
  );
  const secret = join(ROOT, "LICENSE");
  const source = `import it from ${JSON.stringify(secret)} with { type: "text" }; console.log(it)`;
  const reads = await den.jobs.submit({ ...typescript, source, maxAttempts: 1 });
  await assert.rejects(reads.result(), /it imports \S+LICENSE; allowed: files of/);
});

Deno.test("an inline script has no deno.json of the folders above it", async () => {
  await using folder = await tempDir();
  const above = { imports: { "other": "./other.ts", "snakeden": "./other.ts" } };
  await Deno.writeTextFile(join(folder.path, "deno.json"), JSON.stringify(above));
  await Deno.writeTextFile(join(folder.path, "other.ts"), 'export const connect = "another";');
  await using den = await startDen({ size: 1 }, {
    dataDir: join(folder.path, "data"),
    apiKey: KEY,
    jobs: { allowInline: true },
  });
  const script = { kind: "script", language: "typescript", maxAttempts: 1 } as const;
  const source = 'import { connect, result } from "snakeden"; result(typeof connect);';
  assert.equal(await (await den.jobs.submit({ ...script, source })).result(), "function");
  const other = await den.jobs.submit({ ...script, source: 'import "other";' });
  await assert.rejects(other.result(), { code: "environment_failed", message: /"other"/ });
});

Deno.test("a script uses its host, with no more than its job may", async () => {
  await using folder = await tempDir();
  const config = { jobs: { scriptFolders: [SCRIPTS] }, pools: [{ name: "default", size: 1 }] };
  await using server = await ServerProcess.start({
    dataDir: folder.path,
    env: { SNAKEDEN_CONFIG_JSON: JSON.stringify(config), SNAKEDEN_API_KEY: KEY },
  });
  await using den = new SnakedenClient({ baseUrl: server.url, apiKey: KEY });
  for (const script of ["uses_host.ts"]) {
    const job = await den.jobs.submit({ kind: "script", script, maxAttempts: 1 });
    const { state, error, progress } = await job.done();
    assert.deepEqual([state, error], ["completed", undefined]);
    assert.deepEqual(await job.result(), { sum: 5, child: 7, forbidden: "forbidden" });
    assert.deepEqual(progress, { done: 1, total: 2 });
    const children = (await den.jobs.list()).items.filter((it) => it.parentId === job.id);
    assert.equal(children.length, 1);
  }
});
