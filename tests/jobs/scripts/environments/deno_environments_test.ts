import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { SnakedenError } from "../../../../src/errors.ts";
import {
  DenoEnvironments,
  type PreparedDeno,
} from "../../../../src/jobs/scripts/environments/mod.ts";
import { tempDir } from "../../../fixtures/host.ts";

interface Setting extends AsyncDisposable {
  readonly dir: string;
  readonly dataDir: string;
  /** The steps that were reported. */
  readonly lines: string[];
  environments: DenoEnvironments;
  write(name: string, text: string): Promise<string>;
  prepare(file: string): Promise<PreparedDeno>;
}

async function setting(): Promise<Setting> {
  const temp = await tempDir();
  const dir = await Deno.realPath(temp.path);
  const dataDir = join(dir, "data");
  const lines: string[] = [];
  const it: Setting = {
    dir,
    dataDir,
    lines,
    environments: new DenoEnvironments({ dataDir }),
    write: async (name, text) => {
      const path = join(dir, name);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, text);
      return path;
    },
    prepare: (file) =>
      it.environments.prepare(file, { name: "a.ts", onProgress: (line) => lines.push(line) }),
    [Symbol.asyncDispose]: () => temp[Symbol.asyncDispose](),
  };
  return it;
}

/** Runs a script with what was prepared, no permission, and no other variable. */
async function run(file: string, { deno, flags, env }: PreparedDeno): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(deno, {
    args: ["run", ...flags, file],
    env: { ...env },
    clearEnv: true,
    cwd: "/",
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
}

async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(() => null, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, `no SnakedenError: ${error}`);
  assert.equal(error.code, "environment_failed");
  return error.message;
}

Deno.test("DenoEnvironments.prepare() maps snakeden and its parts for a script anywhere on the disk", async () => {
  await using it = await setting();
  const file = await it.write(
    "my scripts/a.ts",
    `import { runAsScript } from "snakeden";
     import { SnakedenClient } from "snakeden/client";
     console.log(typeof runAsScript, typeof SnakedenClient);`,
  );
  const prepared = await it.prepare(file);
  assert.equal(await run(file, prepared), "function function");
  assert.ok(prepared.reads.every((folder) => import.meta.dirname?.startsWith(folder)));
});

Deno.test("DenoEnvironments.prepare() does nothing again until a file has another content", async () => {
  await using it = await setting();
  await it.write("lib.ts", "export const x: number = 1;\n");
  const file = await it.write("a.ts", 'import { x } from "./lib.ts";\nconsole.log(x);\n');
  assert.equal(await run(file, await it.prepare(file)), "1");
  assert.equal(it.lines.splice(0).length, 1);
  await it.prepare(file);
  // A host that has just started reads what another one has prepared.
  it.environments = new DenoEnvironments(it);
  await it.prepare(file);
  await Deno.utime(join(it.dir, "lib.ts"), 1, 1);
  await it.prepare(file);
  assert.deepEqual(it.lines, []);
  await it.write("lib.ts", 'import { y } from "./more.ts";\nexport const x = y;\n');
  await it.write("more.ts", "export const y = 22;\n");
  assert.equal(await run(file, await it.prepare(file)), "22");
  assert.equal(it.lines.splice(0).length, 1);
  await it.write("more.ts", 'export const y = "other";\n');
  assert.equal(await run(file, await it.prepare(file)), "other");
  assert.equal(it.lines.length, 1);
});

Deno.test("DenoEnvironments.prepare() locks packages from npm, so that a run fetches nothing", async () => {
  await using it = await setting();
  const file = await it.write("a.ts", 'import { z } from "npm:zod@4";\nconsole.log(typeof z);\n');
  const prepared = await it.prepare(file);
  assert.ok(prepared.flags.includes("--cached-only") && prepared.flags.includes("--frozen"));
  assert.equal(await run(file, prepared), "object");
});

Deno.test("DenoEnvironments.prepare() keeps the imports of the script's own deno.json", async () => {
  await using it = await setting();
  await it.write(
    "project/deno.jsonc",
    '{ // Mine\n "imports": { "lib/": "./lib/", "snakeden": "./lib/x.ts", }, }',
  );
  await it.write("project/lib/x.ts", 'export const x = "mine";\n');
  const file = await it.write(
    "project/jobs/a.ts",
    'import { x } from "lib/x.ts";\nimport * as own from "snakeden";\nconsole.log(x, own.x);\n',
  );
  assert.equal(await run(file, await it.prepare(file)), "mine mine");
  await it.write("project/import_map.json", '{ "imports": { "lib/": "./other/" } }');
  await it.write("project/other/x.ts", 'export const x = "mapped";\n');
  await it.write("project/deno.jsonc", '{ "importMap": "./import_map.json" }');
  await it.write("project/jobs/a.ts", 'import { x } from "lib/x.ts";\nconsole.log(x);\n');
  assert.equal(await run(file, await it.prepare(file)), "mapped");
  await it.write("project/deno.jsonc", "{ nonsense");
  assert.match(await failure(it.prepare(file)), /deno\.jsonc is not JSON: \w+ at offset \d+/);
});

Deno.test("DenoEnvironments.prepare() names what cannot be imported or read", async () => {
  await using it = await setting();
  const file = await it.write("a.ts", 'import "./none.ts";\n');
  assert.match(
    await failure(it.prepare(file)),
    /^Cannot prepare the environment of a\.ts: Module not found "file:\S+none\.ts"/,
  );
  await it.write("a.ts", "const = 1;\n");
  assert.match(await failure(it.prepare(file)), /Unexpected token `=`[^]+a\.ts:1:7/);
  await it.write("a.ts", 'import "bare";\n');
  assert.match(await failure(it.prepare(file)), /"bare"/);
  await Deno.remove(file);
  assert.match(await failure(it.prepare(file)), /there is no such file/);
  const left = Array.from(Deno.readDirSync(join(it.dataDir, "scripts")), ({ name }) => name);
  assert.deepEqual(left.filter((name) => !/^config-\w+\.json$/.test(name)), []);
});

Deno.test("DenoEnvironments.prepare() makes again what somebody has removed", async () => {
  await using it = await setting();
  const file = await it.write("a.ts", "console.log(1);\n");
  await it.prepare(file);
  await Deno.remove(join(it.dataDir, "scripts"), { recursive: true });
  assert.equal(await run(file, await it.prepare(file)), "1");
});

Deno.test("DenoEnvironments.prepare() fetches again what is gone from the cache of Deno", async () => {
  await using it = await setting();
  const text = 'import { z } from "npm:zod@4";\nconsole.log(typeof z.string);\n';
  const file = await it.write("a.ts", text);
  const first = await it.prepare(file);
  const names = (await Array.fromAsync(Deno.readDir(join(it.dataDir, "scripts"))))
    .map(({ name }) => name);
  const record = names.find((name) => /^[0-9a-f]{32}\.json$/.test(name)) ?? "";
  const path = join(it.dataDir, "scripts", record);
  const [folder = ""] = /[^"]*\/zod\/4[^"]*/.exec(await Deno.readTextFile(path)) ?? [];
  assert.ok((await Deno.stat(folder)).isDirectory);

  // The cache belongs to the machine, so another folder stands for the one that is gone.
  const stand = join(it.dir, "stand");
  const replaceFolder = async (): Promise<void> => {
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace(folder, stand));
    it.environments = new DenoEnvironments({ dataDir: it.dataDir });
  };
  await Deno.mkdir(stand);
  await replaceFolder();
  await it.prepare(file);
  assert.equal(it.lines.length, 1);
  await Deno.remove(stand);
  assert.deepEqual(await it.prepare(file), first);
  assert.equal(it.lines.length, 2, "this process fetches it again");

  await replaceFolder();
  assert.deepEqual(await it.prepare(file), first);
  assert.equal(it.lines.length, 3, "a later one does, too");
  assert.equal(await run(file, first), "function");
});

Deno.test("DenoEnvironments.prepare() stops with the signal", async () => {
  await using it = await setting();
  const file = await it.write("a.ts", "console.log(1);\n");
  const controller = new AbortController();
  const prepared = it.environments.prepare(file, {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error("cancelled")),
  });
  await assert.rejects(prepared, /cancelled/);
  assert.equal(await run(file, await it.prepare(file)), "1");
});
