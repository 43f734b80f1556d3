import assert from "node:assert/strict";
import { InvalidInputError } from "../../../src/errors.ts";
import { clientOf, deadUrl, fakeHost, problem } from "../fake_host.ts";
import {
  completedJson,
  errorOf,
  jobJson,
  json,
  rawAnswer,
  rawHost,
  submitted,
} from "./recorded.ts";

Deno.test("submit() sends the job with its values, and a key of its own", async () => {
  const bodies: Record<string, unknown>[] = [];
  await using host = fakeHost(async (request) => {
    bodies.push(await request.json());
    return submitted("created");
  });
  await using client = clientOf([host.url]);
  const args = { n: 2n ** 60n, bytes: new Uint8Array([1, 2]) };
  const job = await client.jobs.submit({ tool: "add", args, runAt: new Date(4e12), tags: ["a"] });
  assert.equal(job.answer, "created");
  assert.equal(job.id, "01kbd3v4q8z6m2t9x0y5w7r1sa");
  assert.equal(job.job.state, "available");
  const { idempotencyKey, ...body } = bodies[0] ?? {};
  assert.match(String(idempotencyKey), /^client-[0-9a-f]{32}$/);
  assert.deepEqual(body, {
    tool: "add",
    args: {
      n: { $snakeden: "int", value: "1152921504606846976" },
      bytes: { $snakeden: "bytes", base64: "AQI=" },
    },
    runAt: "2096-10-02T07:06:40.000Z",
    tags: ["a"],
  });
  await client.jobs.submit({ tool: "add" });
  assert.notEqual(bodies[1]?.idempotencyKey, idempotencyKey);
});

Deno.test("submit() with an id sends no key, and names the id if its answer is lost", async () => {
  await using lossy = rawHost(() => undefined);
  await using client = clientOf([lossy.url]);
  const error = await errorOf(client.jobs.submit({ tool: "add", id: "import-7" }));
  assert.equal(error.code, "connection_lost");
  assert.equal(error.details.jobId, "import-7");
  assert.equal("idempotencyKey" in error.details, false);
  assert.deepEqual(JSON.parse(lossy.bodies[0] ?? ""), { tool: "add", id: "import-7" });
  assert.equal(lossy.bodies.length, 4);
});

Deno.test("submit() tells what became of a submission with a key of the caller", async (t) => {
  for (const answer of ["created", "existing", "dropped", "replaced"] as const) {
    await t.step(answer, async () => {
      await using host = fakeHost(() => submitted(answer));
      await using client = clientOf([host.url]);
      const job = await client.jobs.submit({ tool: "add", idempotencyKey: "mine" });
      assert.equal(job.answer, answer);
    });
  }
});

Deno.test("a submission whose answer is lost is sent again with its key, to the same host", async (t) => {
  const cases = {
    "before the answer": undefined,
    "in the answer": rawAnswer("201 Created", JSON.stringify(jobJson())).slice(0, -20),
    "by a proxy": "HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
  };
  for (const [name, lost] of Object.entries(cases)) {
    await t.step(name, async () => {
      const answer = rawAnswer(
        "200 OK",
        JSON.stringify(jobJson()),
        "snakeden-submit: existing\r\n",
      );
      await using first = rawHost((_, count) => count < 3 ? lost : answer);
      await using second = fakeHost(() => submitted("created"));
      await using client = clientOf([first.url, second.url]);
      const job = await client.jobs.submit({ tool: "add", args: { a: 1 } });
      // It is the job that this very call has made.
      assert.equal(job.answer, "created");
      assert.equal(first.bodies.length, 3);
      assert.equal(new Set(first.bodies).size, 1);
      assert.match(first.bodies[0] ?? "", /"idempotencyKey":"client-/);
      assert.equal(second.requests.length, 0);
    });
  }
});

Deno.test("a submission whose answers stay lost is connection_lost with its key, and no other host gets it", async () => {
  await using lossy = rawHost(() => undefined);
  await using other = fakeHost(() => submitted("created"));
  await using client = clientOf([lossy.url, other.url]);
  const error = await errorOf(client.jobs.submit({ tool: "add" }));
  assert.equal(error.code, "connection_lost");
  assert.equal(error.details.mayHaveRun, true);
  const [body = "{}"] = lossy.bodies;
  assert.equal(error.details.idempotencyKey, JSON.parse(body).idempotencyKey);
  assert.equal(lossy.bodies.length, 4);
  assert.equal(other.requests.length, 0);
});

Deno.test("a host that is gone after a lost answer is not replaced by another one", async () => {
  const first = rawHost(() => {
    first[Symbol.asyncDispose]();
    return undefined;
  });
  await using other = fakeHost(() => submitted("created"));
  await using client = clientOf([first.url, other.url]);
  assert.equal((await errorOf(client.jobs.submit({ tool: "add" }))).code, "connection_lost");
  assert.equal(other.requests.length, 0);
});

Deno.test("a submission that reached no host goes to the next one, whose job stays there", async () => {
  await using good = fakeHost(({ url, method }) =>
    method === "POST"
      ? submitted("created")
      : url.includes("wait=")
      ? json(completedJson("5"))
      : json(JSON.stringify(jobJson()))
  );
  let isDown = true;
  await using first = fakeHost(() =>
    isDown ? problem(503, "shutting_down") : problem(404, "unknown_job", { retryable: false })
  );
  await using client = clientOf([first.url, good.url]);
  const job = await client.jobs.submit({ tool: "add" });
  isDown = false;
  assert.equal((await job.refresh()).id, job.id);
  assert.equal(await job.result(), 5);
  assert.equal(first.requests.length, 1);
  await using dead = clientOf([deadUrl(), good.url]);
  assert.equal((await dead.jobs.submit({ tool: "add" })).answer, "created");
});

Deno.test("an error of the host is thrown, and the job is not sent again", async () => {
  const errors = [{ path: "tool", message: "missing" }];
  await using host = fakeHost(() => problem(400, "invalid_input", { errors, retryable: false }));
  await using client = clientOf([host.url]);
  const error = await errorOf(client.jobs.submit({ tool: "" }));
  assert.ok(error instanceof InvalidInputError);
  assert.deepEqual(error.issues, errors);
  assert.equal(host.requests.length, 1);
});

Deno.test("submit() refuses what JSON cannot hold, input streams and times that are past", async (t) => {
  await using host = fakeHost(() => submitted("created"));
  await using client = clientOf([host.url]);
  const { jobs } = client;
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    [
      "a bigint in the metadata",
      () => jobs.submit({ tool: "add", metadata: { n: 1n } }),
      /^Cannot submit the job: given a value that is no JSON/,
    ],
    [
      "an input stream",
      () => jobs.submit({ tool: "add", args: { a: new ReadableStream() } }),
      /args\.a: given an input stream; allowed: values that can be kept/,
    ],
    [
      "a past time",
      () => jobs.submit({ tool: "add", runAt: "2020-01-01T00:00:00Z" }),
      /runAt: given 2020-01-01T00:00:00.000Z, which is past; allowed: a time from now on/,
    ],
  ];
  for (const [name, submit, message] of cases) {
    await t.step(name, async () => {
      const error = await errorOf(submit());
      assert.equal(error.code, "invalid_input");
      assert.match(error.message, message);
    });
  }
  await t.step("a function among the arguments", async () => {
    const args = { f: () => {} };
    assert.equal((await errorOf(jobs.submit({ tool: "add", args }))).code, "invalid_value");
  });
  assert.equal(host.requests.length, 0);
  await t.step("with a key, the host decides about the time", async () => {
    await jobs.submit({ tool: "add", runAt: "2020-01-01T00:00:00Z", idempotencyKey: "k" });
    assert.equal(host.requests.length, 1);
  });
});
