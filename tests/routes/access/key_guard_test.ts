import assert from "node:assert/strict";
import { join } from "node:path";
import { ApiKeyWatch } from "../../../src/config/mod.ts";
import { KeyGuard } from "../../../src/routes/mod.ts";
import { FakeClock } from "../../fixtures/fakes/fake_clock.ts";
import { tempDir } from "../../fixtures/host.ts";
import { LogSink } from "../../fixtures/log_sink.ts";
import { microtasks, until } from "../../fixtures/until.ts";
import { type Client, clientOf, memoryEngine } from "../memory_engine.ts";

const KEY = "a-key-of-the-house";
const NEW = "a-new-key-of-the-house";
const ADDRESS = "203.0.113.7";

async function ask(client: Client, key: string, address = ADDRESS): Promise<number> {
  const answer = await client.request("/v1/tools", { headers: { "x-api-key": key } }, address);
  await answer.body?.cancel();
  return answer.status;
}

Deno.test("KeyGuard delays wrong keys of an address, and never a right one from there", async () => {
  const clock = new FakeClock();
  const guard = new KeyGuard(KEY, { clock });
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }), { guard });
  for (let i = 0; i < 5; i++) assert.equal(await ask(client, "wrong"), 401);
  let slow: number | undefined;
  const pending = ask(client, "wrong").then((status) => slow = status);
  await until(() => clock.pending === 1, "a delayed response");
  assert.equal(slow, undefined);
  assert.equal(await ask(client, KEY), 200);
  assert.equal(await ask(client, "wrong", "203.0.113.8"), 401);
  await microtasks();
  assert.equal(slow, undefined);
  clock.advance(100);
  assert.equal(await pending, 401);
});

Deno.test("KeyGuard does not count requests without a key", async () => {
  const clock = new FakeClock();
  const guard = new KeyGuard(KEY, { clock });
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }), { guard });
  for (let i = 0; i < 20; i++) {
    const answer = await client.request("/v1/tools", {}, ADDRESS);
    assert.equal(answer.status, 401);
    await answer.body?.cancel();
  }
});

Deno.test("KeyGuard logs a flood of wrong keys in one line instead of one for each request", async () => {
  await using sink = new LogSink();
  const clock = new FakeClock();
  const guard = new KeyGuard(KEY, { clock });
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }), { guard });
  for (let i = 0; i < 5; i++) await ask(client, "wrong");
  for (let i = 0; i < 10; i++) {
    const pending = ask(client, "wrong");
    await until(() => clock.pending === 1, "a delayed response");
    clock.advance(1_000);
    await pending;
  }
  await guard.tick();
  const lines = (await sink.text()).trim().split("\n");
  const requests = lines.filter((it) => it.includes("GET /v1/tools 401"));
  assert.equal(requests.length, 5);
  assert.ok(requests.every((it) => it.includes(`remote=${ADDRESS}`)));
  assert.match(lines.at(-1) ?? "", /WARN +http +wrong API keys from 203\.0\.113\.7: 15/);
  assert.equal(lines.length, 6);
  assert.ok(!lines.join().includes(KEY));
});

Deno.test("KeyGuard.tick() takes over the keys of a changed file", async () => {
  await using dir = await tempDir();
  const path = join(dir.path, "key");
  await Deno.writeTextFile(path, KEY, { mode: 0o600 });
  const guard = new KeyGuard(KEY, { watch: new ApiKeyWatch(path, [KEY]) });
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }), { guard });
  const turn = async (text: string): Promise<number[]> => {
    await Deno.writeTextFile(path, text);
    await guard.tick();
    await guard.tick();
    return [await ask(client, KEY), await ask(client, NEW)];
  };
  assert.deepEqual(await turn(`${KEY}\n`), [200, 401]);
  assert.deepEqual(await turn(`${KEY}\n${NEW}\n`), [200, 200]);
  assert.deepEqual(await turn(`${NEW}\n`), [401, 200]);
  assert.deepEqual(await turn("short\n"), [401, 200]);
});

Deno.test("KeyGuard without keys lets every request pass", async () => {
  using guard = new KeyGuard().start();
  assert.equal(guard.needsKey, false);
  await guard.tick();
  guard.check(new Headers(), undefined);
});

Deno.test("KeyGuard.start() can be called twice, and ends with the disposal", () => {
  const guard = new KeyGuard(KEY);
  guard.start().start();
  guard[Symbol.dispose]();
  guard[Symbol.dispose]();
});
