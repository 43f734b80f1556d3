import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { KvStore } from "../../src/kv/mod.ts";
import { newRunId, openStore, registryOver, tamper, tempDir } from "./open_store.ts";

const HOLDER = fileURLToPath(new URL("store_holder.ts", import.meta.url));

/**
 * Writes a store with the rows of two workers, and closes it without removing them, as after a
 * crash.
 */
async function leaveRows(dataDir: string, runId = newRunId()): Promise<string> {
  await using store = await openStore(dataDir, runId);
  const registry = registryOver(store, {
    runId,
    startTimeOf: (pid) => Promise.resolve(`boot/${pid}`),
  });
  for (const i of [1, 2]) {
    const incarnation = `default-${i}.x`;
    await registry.reserve({ workerId: `default-${i}`, incarnation });
    registry.activate(incarnation, 1_000 + i);
  }
  await registry[Symbol.asyncDispose]();
  return runId;
}

async function workersIn(dataDir: string): Promise<string[]> {
  await using store = await openStore(dataDir);
  return store.deadProcesses.map(({ workerId }) => workerId);
}

function writeInto(path: string, offset: number, bytes: Uint8Array): void {
  using file = Deno.openSync(path, { write: true });
  file.seekSync(offset, Deno.SeekMode.Start);
  file.writeSync(bytes);
}

function garbage(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7919 + 13) % 251);
}

Deno.test("KvStore keeps rows from one host to the next, except those that were forgotten", async () => {
  await using dir = await tempDir();
  const runId = await leaveRows(dir.path);
  await using store = await openStore(dir.path);
  assert.deepEqual(
    store.deadProcesses.map(({ reservedAt: _, ...row }) => row),
    [1, 2].map((i) => ({
      runId,
      workerId: `default-${i}`,
      incarnation: `default-${i}.x`,
      state: "active",
      hostPid: Deno.pid,
      pid: 1_000 + i,
      group: 1_000 + i,
      startTime: `boot/${1_000 + i}`,
    })),
  );
  await store.processes.forget(store.deadProcesses.slice(0, 1));
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await workersIn(dir.path), ["default-2"]);
});

Deno.test("KvProcesses.forget() accepts any number of rows", async () => {
  await using dir = await tempDir();
  await using store = await openStore(dir.path);
  const registry = registryOver(store);
  await Promise.all(
    Array.from({ length: 1_100 }, (_, i) =>
      registry.reserve({
        workerId: `default-${i}`,
        incarnation: `default-${i}.${"x".repeat(36)}`,
      })),
  );
  await store.processes.forget(registry.list());
  await store[Symbol.asyncDispose]();
  assert.deepEqual(await workersIn(dir.path), []);
});

/**
 * The ways in which a database is broken. On some of these files KV itself would end the process.
 */
const BROKEN: readonly [string, RegExp, (path: string) => void][] = [
  ["is filled with garbage", /not a database/, (path) => Deno.writeFileSync(path, garbage(50_000))],
  ["was truncated", /malformed|empty/, (path) => Deno.truncateSync(path, 20_000)],
  ["was truncated to part of a page", /malformed/, (path) => Deno.truncateSync(path, 3_000)],
  ["was truncated to nothing", /empty/, (path) => Deno.truncateSync(path, 0)],
  [
    "has garbage in its middle",
    /page|malformed/,
    (path) => writeInto(path, 4_096, garbage(30_000)),
  ],
  ["has garbage at its start", /not a database/, (path) => writeInto(path, 0, garbage(500))],
];

for (const [name, problem, breakIt] of BROKEN) {
  Deno.test(`KvStore.open() moves a database aside that ${name}, and reports it`, async () => {
    await using dir = await tempDir();
    await leaveRows(dir.path);
    const path = KvStore.pathIn(dir.path);
    breakIt(path);
    const broken = Deno.readFileSync(path);
    {
      await using store = await openStore(dir.path);
      const { movedAside } = await store.report();
      assert.match(movedAside?.path ?? "", /kv\.sqlite3\.corrupt-\d{4}-\d\d-\d\dT\d{9}Z$/);
      assert.match(movedAside?.problem ?? "", problem);
      assert.deepEqual(Deno.readFileSync(movedAside?.path ?? ""), broken);
      assert.deepEqual(store.deadProcesses, []);
      const registry = registryOver(store);
      await registry.reserve({ workerId: "fresh-1", incarnation: "fresh-1.x" });
    }
    await using again = await openStore(dir.path);
    assert.equal((await again.report()).movedAside, undefined);
    assert.deepEqual(again.deadProcesses.map(({ workerId }) => workerId), ["fresh-1"]);
  });
}

/** Records that are not rows. */
const UNREADABLE: readonly [string, RegExp, unknown][] = [
  ["is half written", /not JSON/, new TextEncoder().encode('{"type":"process","v":1,"da')],
  ["is garbage", /not JSON/, garbage(40)],
  ["is empty", /not JSON/, new Uint8Array()],
  ["is no bytes", /holds object, not bytes/, { type: "process" }],
  ["has no kind", /no kind and version/, new TextEncoder().encode("[1]")],
  ["is of another kind", /is a blob, not a process/, record({ type: "blob" })],
  ["is of a later version", /has version 7; this program reads 1/, record({ v: 7 })],
  ["lacks a field", /workerId/, record({ data: { runId: "a".repeat(32) } })],
  ["has a wrong field", /pid/, record({ data: { ...rowOf("a".repeat(32)), pid: -1 } })],
  [
    "stands at the key of another",
    /its key should be process\/bbb/,
    record({ data: rowOf("b".repeat(32)) }),
  ],
];

function rowOf(runId: string): Record<string, unknown> {
  return {
    runId,
    workerId: "default-1",
    incarnation: "default-1.x",
    state: "reserved",
    reservedAt: new Date().toISOString(),
    hostPid: 1,
  };
}

function record(parts: Record<string, unknown>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type: "process", v: 1, data: {}, ...parts }));
}

for (const [name, reason, value] of UNREADABLE) {
  Deno.test(`KvStore.open() sets a record aside that ${name}, keeps it, and continues`, async () => {
    await using dir = await tempDir();
    await leaveRows(dir.path);
    const key = ["process", "a".repeat(32), "default-1.x"];
    await tamper(dir.path, async (kv) => void await kv.set(key, value));
    for (let round = 0; round < 2; round++) {
      await using store = await openStore(dir.path);
      assert.equal(store.deadProcesses.length, 2);
      const [note, ...others] = (await store.report()).setAside;
      assert.deepEqual(others, []);
      assert.match(note?.reason ?? "", reason);
      assert.deepEqual(note?.key, key);
    }
    if (value instanceof Uint8Array) {
      await tamper(dir.path, async (kv) => {
        const kept = await Array.fromAsync(kv.list({ prefix: ["corrupt"] }));
        assert.deepEqual(kept.find((it) => it.key[2] === "value")?.value, value);
      });
    }
  });
}

/** Runs `fill` under a limit of `kilobytes` for each file, as on a full disk. */
async function fill(dataDir: string, kilobytes: number): Promise<{ code: number; text: string }> {
  // Without the trap, the system would kill a process that writes too much instead of refusing the
  // write.
  const script = `trap '' XFSZ; ulimit -f ${kilobytes * 2}; exec "$0" run -A "$1" fill "$2" 2>&1`;
  const { code, stdout } = await new Deno.Command("sh", {
    args: ["-c", script, Deno.execPath(), HOLDER, dataDir],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, text: new TextDecoder().decode(stdout) };
}

Deno.test("KvStore on a disk that becomes full refuses writes with the reason, and loses no accepted write", async () => {
  await using dir = await tempDir();
  const { code, text } = await fill(dir.path, 1_000);
  assert.equal(code, 0, text);
  assert.match(
    text,
    /^put: Cannot write \d+ changes to the store: (disk I\/O error|database or disk is full)$/m,
  );
  assert.match(text, /cannot record the process of full-1: /);
  // This host still knows the worker. Only the next host will not.
  assert.match(text, /^rows: 1$/m);
  const [, whole] = /^whole: (\d+)$/m.exec(text) ?? [];
  assert.ok(Number(whole) > 0, text);
  await using store = await openStore(dir.path);
  assert.equal((await store.report()).movedAside, undefined);
  for (let i = 0; i < Number(whole); i++) {
    const [row] = await store.sessions.getVars("full", [`v-${i}`]) ?? [];
    assert.deepEqual(row?.value, new Uint8Array(60_000).fill(i));
  }
});

Deno.test("KvStore.open() on a full disk reports that, and treats no database as broken", async () => {
  await using dir = await tempDir();
  await leaveRows(dir.path);
  const { code, text } = await fill(dir.path, 0);
  assert.equal(code, 3, text);
  assert.match(text, /^error: Cannot open the store in .*\/store: .*(disk|write)/m);
  assert.deepEqual(await workersIn(dir.path), ["default-1", "default-2"]);
});
