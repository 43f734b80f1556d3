import assert from "node:assert/strict";
import { join } from "node:path";
import { tempDir } from "../fixtures/host.ts";
import { runProgram } from "./script_process.ts";

const PROGRAM = `import { artifacts, progress, result } from "snakeden";
progress({ done: 1, of: 2, text: "a\\nb" });
result("the first");
result({ n: 2n ** 60n, bytes: new Uint8Array([1, 2]), nan: NaN });
await artifacts.write("table.csv", "a,b");`;

const RESULT = {
  n: { $snakeden: "int", value: "1152921504606846976" },
  bytes: { $snakeden: "bytes", base64: "AQI=" },
  nan: { $snakeden: "float", value: "NaN" },
};

Deno.test("progress(), result() and artifacts hand over by the protocol of jobs in a job", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "result.json");
  const env = { SNAKEDEN_JOB_ID: "j1", SNAKEDEN_RESULT: path, SNAKEDEN_ARTIFACTS: dir.path };
  // The permissions that the runner always grants.
  const flags = ["--allow-read", `--allow-write=${path},${dir.path}`, "--allow-env=SNAKEDEN_*"];
  const { code, stdout, stderr } = await runProgram(PROGRAM, { env, flags });
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '::snakeden progress {"done":1,"of":2,"text":"a\\nb"}\n');
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(await Deno.readTextFile(path)), RESULT);
  assert.equal(await Deno.readTextFile(join(dir.path, "table.csv")), "a,b");
});

Deno.test("progress(), result() and artifacts show what they get when run by hand", async () => {
  await using dir = await tempDir();
  const { code, stdout, stderr } = await runProgram(PROGRAM, { cwd: dir.path });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, 'progress: {"done":1,"of":2,"text":"a\\nb"}\n');
  const [first, ...rest] = stdout.split("\n");
  assert.equal(first, '"the first"');
  assert.deepEqual(JSON.parse(rest.join("\n")), RESULT);
  assert.equal(await Deno.readTextFile(join(dir.path, "artifacts/table.csv")), "a,b");
});

Deno.test("result() and artifacts refuse what cannot be handed over", async () => {
  const { stdout } = await runProgram(`import { artifacts, progress, result } from "snakeden";
    const of = (run: () => unknown) => {
      try { run(); return "taken"; } catch (error) { return (error as { code: string }).code; }
    };
    const codes = [() => result(() => 1), () => progress({ f: () => 1 })].map(of);
    const names = ["", ".", "..", "a/b", "a\\\\b", "../x", "x".repeat(256), "a\\0"];
    codes.push(...names.map((it) => of(() => artifacts.path(it))));
    console.log(codes.join());`);
  const wrong = Array.from({ length: 8 }, () => "invalid_input");
  assert.deepEqual(stdout.trim().split(","), ["invalid_value", "invalid_value", ...wrong]);
});
