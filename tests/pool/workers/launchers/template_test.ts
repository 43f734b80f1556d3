import assert from "node:assert/strict";
import { Template } from "../../../../src/pool/workers/launchers/template/mod.ts";
import { processesWith, tempDir } from "../../../fixtures/host.ts";
import { until } from "../../../fixtures/until.ts";

/** A template whose interpreter ends at once, and that waits for its record before. */
function setUp(): { template: Template; told: string[]; record: () => void } {
  const told: string[] = [];
  const reserved = Promise.withResolvers<void>();
  const template = new Template({
    pool: "p",
    command: ["/bin/false"],
    env: {},
    runDirectory: "/nowhere",
    settings: { preload: [], adapters: [], modulePaths: [], carrier: "socket" },
    startTimeoutMs: 60_000,
    registry: {
      reserve: async (): Promise<void> => {
        told.push("reserve");
        await reserved.promise;
      },
      activate: () => void told.push("activate"),
      release: () => void told.push("release"),
    },
  });
  return { template, told, record: reserved.resolve };
}

Deno.test("Template that is renewed while its first process starts starts no second one", async () => {
  const { template, told, record } = setUp();
  template.prepare();
  await until(() => told.length === 1, "the process is recorded");
  template.renew();
  record();
  await until(() => template.info.launcherFallback !== undefined, "it has failed");
  assert.deepEqual(told, ["reserve", "release"]);
  await template.close();
});

Deno.test("Template.close() leaves no process that is about to start", async () => {
  const { template, told, record } = setUp();
  template.prepare();
  await until(() => told.length === 1, "the process is recorded");
  const closed = template.close();
  record();
  await closed;
  assert.deepEqual(told, ["reserve", "release"]);
});

Deno.test("Template.close() ends a process at once that does not start", async () => {
  await using dir = await tempDir();
  const mark = crypto.randomUUID();
  const template = new Template({
    pool: "p",
    command: ["/bin/sleep", "600"],
    env: { MARK: mark },
    runDirectory: dir.path,
    settings: { preload: [], adapters: [], modulePaths: [], carrier: "socket" },
    startTimeoutMs: 600_000,
  });
  template.prepare();
  await until(() => processesWith(mark).length === 1, "the process to run");
  let isClosed = false;
  const closed = template.close().then(() => isClosed = true);
  // Less than the time that a process has to start.
  await until(() => isClosed, "the end", { timeoutMs: 10_000 });
  await closed;
  assert.deepEqual(processesWith(mark), []);
});
