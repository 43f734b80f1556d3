import assert from "node:assert/strict";
import { join } from "node:path";
import { lockBuild } from "../../../src/python_env/environments/mod.ts";
import { until } from "../../fixtures/until.ts";

const [A, B, C] = ["a", "b", "c"].map((it) => it.repeat(32)) as [string, string, string];

async function withRoot(use: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "snakeden-locks-" });
  try {
    await use(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function names(root: string): string[] {
  return Array.from(Deno.readDirSync(root), (it) => it.name).sort();
}

Deno.test("lockBuild() lets builds of different keys run side by side, and leaves nothing", async () => {
  await withRoot(async (root) => {
    const a = await lockBuild(root, A);
    await Deno.mkdir(join(a.unfinished, "lib"), { recursive: true });
    const b = await lockBuild(root, B);
    await Deno.mkdir(b.unfinished);
    assert.ok((await Deno.stat(a.unfinished)).isDirectory, "b leaves what a builds alone");
    await b[Symbol.asyncDispose]();
    assert.ok((await Deno.stat(a.unfinished)).isDirectory);
    await a[Symbol.asyncDispose]();
    assert.deepEqual(names(root), []);
  });
});

Deno.test("lockBuild() makes a second build of one key wait, and names the process", async () => {
  await withRoot(async (root) => {
    const first = await lockBuild(root, A);
    let holder = "";
    let second: AsyncDisposable | undefined;
    const waiting = lockBuild(root, A, { onWait: (pid) => holder = pid });
    void waiting.then((it) => second = it);
    await until(() => holder !== "", "it waits");
    assert.equal(holder, String(Deno.pid));
    assert.equal(second, undefined);
    await first[Symbol.asyncDispose]();
    await (await waiting)[Symbol.asyncDispose]();
    assert.deepEqual(names(root), []);
  });
});

Deno.test("lockBuild() ends its wait with the reason of its signal", async () => {
  await withRoot(async (root) => {
    await using _first = await lockBuild(root, A);
    const controller = new AbortController();
    const onWait = (): void => controller.abort(new Error("no longer wanted"));
    const waiting = lockBuild(root, A, { signal: controller.signal, onWait });
    await assert.rejects(waiting, /no longer wanted/);
  });
});

Deno.test("lockBuild() removes what dead builds and removals have left, and nothing else", async () => {
  await withRoot(async (root) => {
    const dead = [
      `building-${A.slice(0, 16)}-01234567`,
      `building-${B.slice(0, 16)}-01234567`,
      "building-123-01234567",
      "removed-01234567",
    ];
    for (const name of dead) await Deno.mkdir(join(root, name, "lib"), { recursive: true });
    for (const name of [`build-${B.slice(0, 16)}.lock`, "build.lock"]) {
      await Deno.writeTextFile(join(root, name), "1");
    }
    const whole = "0123456789abcdef";
    await Deno.mkdir(join(root, whole));
    const alive = await lockBuild(root, C);
    await Deno.mkdir(alive.unfinished);
    const left = names(root).filter((it) => !it.includes(C.slice(0, 16)));
    assert.deepEqual(left, [whole]);
    await (await lockBuild(root, A))[Symbol.asyncDispose]();
    assert.ok((await Deno.stat(alive.unfinished)).isDirectory);
    await alive[Symbol.asyncDispose]();
    assert.deepEqual(names(root), [whole]);
  });
});
