import assert from "node:assert/strict";
import { SnakedenError } from "../../src/errors.ts";
import { JobFixture } from "./job_fixture.ts";

Deno.test("Queues.list() shows each queue, with its limits and counts", async () => {
  await using host = await JobFixture.open();
  await host.jobs.submit({ tool: "add", queue: "mail" });
  const queues = await host.queues.list();
  assert.deepEqual(queues.map(({ name, paused, counts }) => [name, paused, counts.available]), [
    ["default", false, 0],
    ["mail", false, 1],
  ]);
});

Deno.test("Queues.update() sets and takes back a limit, and pauses", async () => {
  await using host = await JobFixture.open();
  const { queues } = host;
  assert.equal((await queues.update("mail", { concurrency: 2 })).concurrency, 2);
  assert.equal((await queues.pause("mail")).paused, true);
  const { paused, concurrency } = await queues.resume("mail");
  assert.deepEqual({ paused, concurrency }, { paused: false, concurrency: 2 });
  assert.equal((await queues.update("mail", { concurrency: null })).concurrency, undefined);
});

Deno.test("Queues refuses what is wrong, naming the field or the queues that there are", async () => {
  await using host = await JobFixture.open();
  const { queues } = host;
  const messages = [
    queues.get("mial"),
    queues.pause("nothing"),
    queues.update("mail", { concurrency: 0 }),
    queues.update("mail", { pause: true } as never),
  ].map((it) => it.then(String, (error: SnakedenError) => `${error.code}: ${error.message}`));
  const [missing = "", unknown = "", zero = "", key = ""] = await Promise.all(messages);
  assert.match(missing, /^unknown_queue: There is no queue "mial"; did you mean "mail"\?/);
  assert.match(unknown, /^unknown_queue: .*default, mail/);
  assert.match(zero, /^invalid_input: .*concurrency: given 0; allowed: a whole number from 1 to/);
  assert.match(key, /^invalid_input: .*pause: there is no such field; did you mean "paused"/);
});
