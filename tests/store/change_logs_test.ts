import assert from "node:assert/strict";
import { type Change, ChangeLogs, type WatchEvent } from "../../src/store/mod.ts";

Deno.test("ChangeLogs forgets what it kept for a watcher once that has left", async () => {
  const logs = new ChangeLogs();
  const life = "life";
  let seq = 0;
  const first = async (from: number): Promise<WatchEvent | undefined> => {
    const { signal } = new AbortController();
    const at = (): Promise<{ life: string; seq: number }> => Promise.resolve({ life, seq });
    for await (const event of logs.watch({ life, seq: from }, at, signal)) return event;
    return undefined;
  };
  const publish = (): void => {
    const changes = Array.from({ length: 5_000 }, (): Change => {
      return { seq: ++seq, name: "v", kind: "set" };
    });
    logs.publish(life, changes);
  };
  const watching = first(0);
  await Promise.resolve();
  await Promise.resolve();
  publish();
  const event = await watching;
  assert.equal(event?.type === "changes" && event.changes.length, 5_000);
  assert.equal((await first(1))?.type, "reset");
});
