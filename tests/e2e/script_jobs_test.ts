/** Script jobs, with real programs: what they are given, and what they leave. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { ScriptJob } from "../../mod.ts";
import { startDen, tempDir } from "../fixtures/host.ts";
import { errorOf, ran, refusal, SCRIPTS, start, textsOf } from "../fixtures/script_jobs.ts";

Deno.test("a Python script is given its arguments, stdin and environment, and nothing else", async () => {
  Deno.env.set("TEST_SECRET", "secret");
  Deno.env.set("TEST_NAMED", "named");
  await using den = await start({ scripts: { env: ["TEST_NAMED"] } });
  const args = ["2026-11", "", "a\nb", "ü", "$(id)", "-x"];
  const job = await ran(den, { script: "echo.py", args, stdin: "text ü", env: { K: "v=1" } });
  const given = await job.result<Record<string, unknown>>();
  assert.deepEqual(given.args, args);
  assert.equal(given.stdin, "text ü");
  const env = given.env as Record<string, string>;
  assert.equal(env.K, "v=1");
  assert.equal(env.TEST_NAMED, "named");
  assert.equal(env.TEST_SECRET, undefined);
  assert.equal(env.SNAKEDEN_JOB_ID, job.id);
  assert.equal(env.SNAKEDEN_ATTEMPT, "1");
  const known =
    /^(PATH|HOME|LANG|LC_CTYPE|TZ|TMPDIR|PYTHONPATH|PYTHONNOUSERSITE|K|TEST_NAMED|PWD|SNAKEDEN_.*)$/;
  assert.deepEqual(Object.keys(env).filter((it) => !known.test(it)), []);
  // Everything of the attempt is gone.
  await assert.rejects(Deno.stat(String(given.cwd)), Deno.errors.NotFound);
  await assert.rejects(Deno.stat(env.TMPDIR ?? ""), Deno.errors.NotFound);
  const { script, tool, pool, kind, worker } = await job.refresh();
  assert.deepEqual({ script, tool, pool, kind, worker }, {
    script: "echo.py",
    tool: undefined,
    pool: undefined,
    kind: "script",
    worker: undefined,
  });
});

Deno.test("a TypeScript script is given its arguments, stdin and variables", async () => {
  await using den = await start();
  const job = await ran(den, {
    script: "echo.ts",
    args: ["a", "b\nc"],
    stdin: "in",
    env: { VALUE: "v" },
  });
  assert.deepEqual(await job.result(), { args: ["a", "b\nc"], stdin: "in", value: "v" });
});

Deno.test("a TypeScript script may do what it was granted, and what every script may", async () => {
  await using folder = await tempDir();
  const file = join(folder.path, "file.txt");
  await Deno.writeTextFile(file, "text");
  Deno.env.set("TEST_SECRET", "secret");
  await using server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("ok"));
  const host = `127.0.0.1:${server.addr.port}`;
  const permissions = {
    read: [folder.path],
    write: [file],
    net: ["127.0.0.1"],
    env: ["TEST_*"],
    run: ["true"],
  };
  await using den = await start({ scriptFolders: [{ path: SCRIPTS, permissions }] });
  const input = { script: "tries.ts", args: [file, `http://${host}/`] };
  const denied = {
    readsFile: "NotCapable",
    writesFile: "NotCapable",
    readsItself: true,
    writesHere: true,
    connects: "NotCapable",
    readsSecret: "NotCapable",
    runs: "NotCapable",
  };
  assert.deepEqual(await (await ran(den, input)).result(), denied);
  const asked = { read: [file], net: [host], env: ["TEST_SECRET"] };
  assert.deepEqual(await (await ran(den, { ...input, permissions: asked })).result(), {
    ...denied,
    readsFile: true,
    connects: true,
    readsSecret: true,
  });
  const text = await refusal(den, {
    kind: "script",
    ...input,
    permissions: { read: ["/etc"], write: [folder.path], net: true, env: ["HOME"], run: ["sh"] },
  });
  assert.match(text, /permissions\.read\[0\]: given "\/etc"; allowed: what the folder .*, \//);
  assert.match(text, /permissions\.write\[0\]: given/);
  assert.match(text, /permissions\.net: given true; allowed: .* 127\.0\.0\.1/);
  assert.match(text, /permissions\.env\[0\]: given "HOME"; allowed: .* TEST_\*/);
  assert.match(text, /permissions\.run\[0\]: given "sh"; allowed: .* true/);
});

Deno.test("a comma in a path widens no permission", async () => {
  await using folder = await tempDir();
  const root = join(folder.path, "a,b");
  await Deno.mkdir(join(folder.path, "a"), { recursive: true });
  await Deno.mkdir(root);
  const file = join(folder.path, "a", "file.txt");
  await Deno.writeTextFile(file, "text");
  await Deno.copyFile(join(SCRIPTS, "tries.ts"), join(root, "tries.ts"));
  // The configuration takes no comma, but a link may lead to one.
  await Deno.symlink(root, join(folder.path, "scripts"));
  await using den = await start({ scriptFolders: [join(folder.path, "scripts")] });
  const { code, message } = await errorOf(den, { script: "tries.ts", args: [file] });
  assert.equal(code, "script_failed");
  assert.match(message, /its permission read has "\S+a,b"; allowed: paths without a comma/);
});

Deno.test("a path that names no script is refused with what is allowed", async () => {
  await using folder = await tempDir();
  const scripts = join(folder.path, "scripts");
  await Deno.mkdir(join(scripts, "folder.py"), { recursive: true });
  await Deno.writeTextFile(join(folder.path, "outside.py"), "");
  await Deno.symlink(join(folder.path, "outside.py"), join(scripts, "link.py"));
  await Deno.writeTextFile(join(scripts, "report.py"), "");
  await Deno.writeTextFile(join(scripts, "report.sh"), "");
  await using den = await start({ scriptFolders: [scripts] });
  const cases: [string, RegExp][] = [
    ["../outside.py", /script: given "\.\.\/outside\.py"; allowed: a path relative to a folder/],
    ["a/../report.py", /without \.\. and \./],
    [join(scripts, "report.py"), /an absolute path; allowed: a path relative to a folder/],
    ["link.py", /a symbolic link to .*outside\.py; allowed: a file in the folder/],
    ["folder.py", /which is not a file; allowed: a file/],
    ["report.sh", /allowed: a file that ends in \.ts, \.mts, \.js, \.mjs, \.py/],
    ["reprot.py", /Cannot find the script "reprot\.py"; did you mean "report\.py"\?/],
    ["report.py/x.py", /Cannot find the script/],
    ["a\0.py", /script: given .*; allowed: a text of 1 to 256 characters, without NUL/],
    ["", /script: given ""; allowed/],
  ];
  for (const [script, text] of cases) {
    assert.match(await refusal(den, { kind: "script", script }), text);
  }
  assert.match(await refusal(den, { kind: "script" }), /script: missing; allowed: the path/);
  await using bare = await startDen({ size: 1 });
  assert.match(
    await refusal(bare, { kind: "script", script: "a.py" }),
    /no folder is configured; name one in jobs\.scriptFolders/,
  );
});

Deno.test("arguments and variables that no system takes are refused by their fields", async () => {
  await using den = await start({ scripts: { memoryBytes: 64 * 1024 * 1024 } });
  const script = { kind: "script", script: "echo.py" } as const;
  const cases: [Partial<ScriptJob>, RegExp][] = [
    [{ args: ["a", "b\0c"] }, /args\[1\]: given a text with NUL/],
    [{ args: ["x".repeat(1_000_000)] }, /args\[0\]: given 1000000 bytes; allowed: at most 131071/],
    [{ args: Array(20).fill("x".repeat(100_000)) }, /args: given 2000\d+ bytes .* at most 1048576/],
    [{ args: ["\ud800"] }, /args\[0\]: given a text that is no Unicode/],
    [{ env: { "A=B": "" } }, /env\.A=B: given a name that is none of a variable/],
    [{ env: { LD_PRELOAD: "x" } }, /env\.LD_PRELOAD: given LD_PRELOAD, which Snakeden sets, or/],
    [{ env: { SNAKEDEN_TOKEN: "x" } }, /env\.SNAKEDEN_TOKEN/],
    // Python would run the standard input.
    [{ env: { PYTHONINSPECT: "1" }, stdin: "print(1)" }, /env\.PYTHONINSPECT/],
    [{ env: { PATH: "/tmp" } }, /env\.PATH/],
    [
      { limits: { memoryBytes: 1e12 } },
      /limits\.memoryBytes: given 1000000000000; allowed: at most/,
    ],
    [{ source: "print(1)" }, /source: given beside script/],
  ];
  for (const [fields, text] of cases) {
    assert.match(await refusal(den, { ...script, ...fields }), text);
  }
});

Deno.test("an error about arguments names the first of them", async () => {
  await using den = await start();
  const text = await refusal(den, {
    kind: "script",
    script: "echo.py",
    args: Array(9_000).fill("\0"),
  });
  assert.match(text, /args\[19\]: given a text with NUL/);
  assert.doesNotMatch(text, /args\[20\]/);
});

Deno.test("what a script prints is its log, but for its progress and its result", async () => {
  await using den = await start();
  const job = await ran(den, { script: "prints.py" });
  assert.equal(await job.result(), 2);
  assert.deepEqual(job.job.progress, { done: 1 });
  const [long, ...stdout] = (await textsOf(job, "stdout")).toSorted((a, b) => b.length - a.length);
  assert.match(long ?? "", /^x+ … \d+ characters left out … x+$/);
  assert.deepEqual(stdout.toSorted(), [
    "::snakeden progress {broken",
    "::snakeden waves",
    "middle ::snakeden result 1",
    "no line feed",
    "one",
    "\ufffd\ufffd bytes",
  ]);
  assert.deepEqual(await textsOf(job, "stderr"), ["two"]);
});

Deno.test("a script whose environment takes too long fails, and frees its slot", async () => {
  await using dir = await tempDir();
  await new Deno.Command("mkfifo", { args: [join(dir.path, "fifo")] }).output();
  // Nobody writes to the FIFO, so that its import never ends.
  const source = 'import text from "./fifo" with { type: "text" };\nconsole.log(text);\n';
  await Deno.writeTextFile(join(dir.path, "hangs.ts"), source);
  await using den = await start({
    scriptFolders: [dir.path, SCRIPTS],
    scripts: { prepareTimeoutMs: 2_000, concurrency: 1 },
  });
  const error = await errorOf(den, { script: "hangs.ts" });
  assert.equal(error.code, "deadline_exceeded");
  assert.match(error.message, /^Cannot prepare the script hangs\.ts: it took longer than 2000 ms/);
  assert.equal((await ran(den, { script: "echo.py" })).job.state, "completed");
});

Deno.test("a result that cannot be kept fails the job, and is never followed or read", async () => {
  await using den = await start();
  const cases: [string, string, RegExp][] = [
    ["fifo", "script_failed", /SNAKEDEN_RESULT is no file; allowed: a regular file/],
    ["symlink", "script_failed", /SNAKEDEN_RESULT is a symbolic link/],
    ["folder", "script_failed", /SNAKEDEN_RESULT is a folder/],
    ["large", "result_too_large", /it has 1073741824 bytes; allowed: at most 67108864/],
    ["text", "script_failed", /it is not JSON/],
    ["bytes", "script_failed", /it is not UTF-8/],
    ["deep", "script_failed", /it is not JSON that can be kept/],
    ["tagged", "script_failed", /it has more than 50000 values, with bytes or arrays among them/],
    ["long_line", "result_too_large", /write a long result to the file SNAKEDEN_RESULT/],
  ];
  await Promise.all(cases.map(async ([kind, code, text]) => {
    const error = await errorOf(den, { script: "results.py", args: [kind] });
    assert.equal(error.code, code);
    assert.match(error.message, text);
  }));
  assert.equal(await (await ran(den, { script: "results.py", args: ["both"] })).result(), 2);
  assert.equal(await (await ran(den, { script: "results.py", args: ["none"] })).result(), null);
});

Deno.test("the regular files of the artifacts are kept, and nothing else is opened", async () => {
  await using den = await start();
  const job = await ran(den, { script: "artifacts.py", args: ["3", "others"] });
  assert.equal(job.job.state, "completed");
  const { items } = await den.jobs.artifacts(job.id);
  assert.deepEqual(items.map(({ name }) => name).toSorted(), [
    "file-0000000.txt",
    "file-0000001.txt",
    "file-0000002.txt",
  ]);
  const [first] = items;
  assert.equal(await new Response(await den.files.open(first?.id ?? "")).text(), "2");
  const [left = ""] = (await textsOf(job, "host")).filter((it) => it.startsWith("left out"));
  for (const name of ["link", "fifo", "folder"]) assert.ok(left.includes(`"${name}"`));
});

Deno.test("too many artifacts, or too many bytes of them, fail the job, and none is kept", async () => {
  await using den = await start({ scripts: { maxArtifacts: 10, maxArtifactBytes: 1_000_000 } });
  for (
    const [args, limit] of [[["11"], "artifacts"], [["20000"], "artifacts"], [
      ["1", "sparse"],
      "artifactBytes",
    ]] as const
  ) {
    const job = await ran(den, { script: "artifacts.py", args: [...args] });
    assert.equal(job.job.error?.code, "script_limit");
    assert.equal(job.job.error?.details?.limit, limit);
    assert.deepEqual((await den.jobs.artifacts(job.id)).items, []);
  }
});
