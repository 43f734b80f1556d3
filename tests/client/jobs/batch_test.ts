import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import type { CallJob } from "../../../src/client/mod.ts";
import { clientOf, type FakeHost, fakeHost, problem } from "../fake_host.ts";
import { errorOf, rawAnswer, rawHost } from "./recorded.ts";

/** A host that answers batches; `part` sees each of them first. */
function batchHost(
  part: (jobs: Record<string, unknown>[]) => Response | undefined = () => undefined,
): FakeHost & { readonly parts: Record<string, unknown>[][] } {
  const parts: Record<string, unknown>[][] = [];
  const host = fakeHost(async (request) => {
    const jobs = await request.json();
    const answer = part(jobs);
    if (answer !== undefined) return answer;
    const first = parts.flat().length;
    parts.push(jobs);
    return Response.json({
      jobs: jobs.map((_: unknown, i: number) => ({ id: `job-${first + i}`, answer: "created" })),
    });
  });
  return Object.assign(host, { parts });
}

function inputs(count: number): CallJob[] {
  return Array.from({ length: count }, (_, i) => ({ tool: "add", args: { i } }));
}

Deno.test("submitMany() sends an array in parts of 1,000, each with keys, and keeps its order", async () => {
  await using host = batchHost();
  await using client = clientOf([host.url]);
  const answers = await client.jobs.submitMany(inputs(2_500));
  assert.deepEqual(host.parts.map((it) => it.length), [1_000, 1_000, 500]);
  assert.deepEqual(answers[2_499], { id: "job-2499", answer: "created" });
  assert.deepEqual(host.parts[2]?.[499]?.args, { i: 2_499 });
  assert.equal(new Set(host.parts.flat().map((it) => it.idempotencyKey)).size, 2_500);
  assert.deepEqual(await client.jobs.submitMany([]), []);
});

Deno.test("submitMany() takes iterables, asynchronous or not, and ends a part before it gets too long", async () => {
  await using host = batchHost();
  await using client = clientOf([host.url]);
  async function* some(): AsyncGenerator<CallJob> {
    for (const input of inputs(1_001)) yield input;
  }
  assert.equal((await client.jobs.submitMany(some())).length, 1_001);
  assert.deepEqual(host.parts.map((it) => it.length), [1_000, 1]);
  const text = "x".repeat(1_100_000);
  const large = new Set([1, 2, 3].map((i): CallJob => ({ tool: "add", args: { i, text } })));
  assert.equal((await client.jobs.submitMany(large)).length, 3);
  assert.deepEqual(host.parts.slice(2).map((it) => it.length), [1, 1, 1]);
});

Deno.test("an error of a later part counts jobs from the beginning, and says how many were submitted", async () => {
  let count = 0;
  await using host = batchHost(() => {
    const errors = [{ path: "[3].tool", message: "missing" }, {
      path: "[30].queue",
      message: "no",
    }];
    const detail = "Cannot submit the batch: 2 of 500 jobs are wrong, and none was submitted: " +
      "[3].tool: missing; [30].queue: no";
    return ++count < 3
      ? undefined
      : problem(400, "invalid_input", { errors, detail, retryable: false });
  });
  await using client = clientOf([host.url]);
  const error = await errorOf(client.jobs.submitMany(inputs(2_500)));
  assert.ok(error instanceof InvalidInputError);
  assert.deepEqual(error.issues.map(({ path }) => path), ["[2003].tool", "[2030].queue"]);
  assert.match(error.message, /submitted: \[2003\]\.tool: missing; \[2030\]\.queue: no$/);
  assert.equal(error.details.submitted, 2_000);
});

Deno.test("submitMany() names every job that cannot be sent, and sends none of its part", async () => {
  await using host = batchHost();
  await using client = clientOf([host.url]);
  const wrong: CallJob[] = [
    ...inputs(1),
    { tool: "add", args: { f: () => {} } },
    { tool: "add", runAt: new Date(0) },
  ];
  const error = await errorOf(client.jobs.submitMany(wrong));
  assert.ok(error instanceof InvalidInputError);
  assert.deepEqual(error.issues.map(({ path }) => path), ["[1].args", "[2].runAt"]);
  assert.match(error.message, /2 of 3 jobs are wrong, and none was submitted/);
  assert.equal(host.requests.length, 0);
});

Deno.test("submitMany() answers a key of another submission with conflict, and the rest as it is", async () => {
  await using host = batchHost((jobs) =>
    Response.json({
      jobs: jobs.map((_, i) => ({ id: `job-${i}`, answer: i === 1 ? "conflict" : "created" })),
    })
  );
  await using client = clientOf([host.url]);
  const list = inputs(3).map((it, i) => ({ ...it, idempotencyKey: `key-${i}` }));
  assert.deepEqual(await client.jobs.submitMany(list), [
    { id: "job-0", answer: "created" },
    { id: "job-1", answer: "conflict" },
    { id: "job-2", answer: "created" },
  ]);
});

Deno.test("a batch whose answer is lost is sent again with its keys, and its jobs count as created", async () => {
  const jobs = [{ id: "a", answer: "existing" }, { id: "b", answer: "existing" }];
  await using host = rawHost((_, count) =>
    count === 1 ? undefined : rawAnswer("200 OK", JSON.stringify({ jobs }))
  );
  await using client = clientOf([host.url]);
  const [first] = inputs(1);
  const answers = await client.jobs.submitMany([
    { tool: "add", ...first },
    { tool: "add", idempotencyKey: "mine" },
  ]);
  assert.equal(host.bodies.length, 2);
  assert.equal(host.bodies[0], host.bodies[1]);
  assert.deepEqual(answers, [{ id: "a", answer: "created" }, { id: "b", answer: "existing" }]);
});

Deno.test("an answer that lacks jobs of a batch is unexpected_answer", async (t) => {
  for (const jobs of [[], [{ id: "a", answer: "created" }, { answer: "created" }]]) {
    await t.step(JSON.stringify(jobs), async () => {
      await using host = fakeHost(() => Response.json({ jobs }));
      await using client = clientOf([host.url]);
      const error = await errorOf(client.jobs.submitMany(inputs(2)));
      assert.equal(error.code, "unexpected_answer");
      assert.match(error.message, /a batch of 2 jobs/);
    });
  }
});
