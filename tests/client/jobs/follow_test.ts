import assert from "node:assert/strict";
import type { SnakedenClient } from "../../../src/client/mod.ts";
import { NdArray, PythonError } from "../../../src/client/mod.ts";
import { clientOf, deadUrl, fakeHost, problem } from "../fake_host.ts";
import { completedJson, errorOf, jobJson, json, submitted } from "./recorded.ts";

function isRunning(): Response {
  return json(JSON.stringify(jobJson({ state: "running" })));
}

function waitOf(url: string): number {
  return Number(new URL(url).searchParams.get("wait"));
}

Deno.test("wait() asks again until the job has ended; each request waits for at most 25 s", async () => {
  let count = 0;
  await using host = fakeHost(() => ++count < 3 ? isRunning() : json(completedJson("5")));
  await using client = clientOf([host.url]);
  const job = await client.jobs.wait("j");
  assert.deepEqual([job.state, job.done, job.result], ["completed", true, 5]);
  assert.deepEqual(host.requests.map(({ url }) => waitOf(url)), [25, 25, 25]);
});

Deno.test("wait() returns the job as it is when its time is up", async () => {
  await using host = fakeHost(async ({ url }) => {
    await new Promise((resolve) => setTimeout(resolve, waitOf(url) * 1_000));
    return isRunning();
  });
  await using client = clientOf([host.url]);
  const job = await client.jobs.wait("j", { timeoutMs: 30 });
  assert.deepEqual([job.state, job.done], ["running", false]);
  for (const { url } of host.requests) assert.ok(waitOf(url) <= 0.03, url);
  assert.equal((await client.jobs.wait("j", { timeoutMs: 0 })).done, false);
});

Deno.test("a handle throws deadline_exceeded when its time is up, and the job goes on", async () => {
  await using host = fakeHost(({ method }) =>
    method === "POST" ? submitted("created") : isRunning()
  );
  await using client = clientOf([host.url]);
  const job = await client.jobs.submit({ tool: "add" });
  const error = await errorOf(job.result({ timeoutMs: 0 }));
  assert.equal(error.code, "deadline_exceeded");
  assert.match(error.message, /has not ended within 0 ms: it is running, and goes on/);
  assert.equal(job.job.state, "running");
});

Deno.test("a handle waits over a restart of its host", async () => {
  let phase = 0;
  await using host = fakeHost(({ method }) => {
    if (method === "POST") return submitted("created");
    phase++;
    if (phase < 3) return problem(503, "shutting_down");
    return phase < 4 ? new Response("proxy", { status: 502 }) : json(completedJson("7"));
  });
  await using other = fakeHost(() => problem(404, "unknown_job", { retryable: false }));
  await using client = clientOf([host.url, other.url]);
  const job = await client.jobs.submit({ tool: "add" });
  assert.equal(await job.result(), 7);
  assert.equal(other.requests.length, 0);
});

Deno.test("wait() throws at once if no host was ever reached, and the reason of its signal", async () => {
  await using client = clientOf([deadUrl()]);
  assert.equal((await errorOf(client.jobs.wait("j"))).code, "host_unreachable");
  await using host = fakeHost(() => new Promise<Response>(() => {}));
  await using waiting = clientOf([host.url]);
  const controller = new AbortController();
  const reason = new Error("enough");
  const job = waiting.jobs.wait("j", { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(job, reason);
});

Deno.test("result() decodes arrays, bytes and large integers", async (t) => {
  const cases: [string, unknown][] = [
    ['{"$snakeden":"bytes","base64":"AQI="}', new Uint8Array([1, 2])],
    ["1152921504606846976", 2n ** 60n],
    [
      '{"$snakeden":"array","dtype":"<f8","shape":[1],"base64":"AAAAAAAA8D8="}',
      new Float64Array([1]),
    ],
    [
      '{"$snakeden":"array","dtype":"|u1","shape":[1,2],"base64":"AQI="}',
      new NdArray("|u1", [1, 2], new Uint8Array([1, 2])),
    ],
    ['{"deep":[null]}', { deep: [null] }],
  ];
  for (const [text, value] of cases) {
    await t.step(text, async () => {
      await using host = fakeHost(({ url }) =>
        json(url.endsWith("/result") ? `{"result":${text}}` : completedJson(text))
      );
      await using client = clientOf([host.url]);
      assert.deepEqual(await client.jobs.result("j"), value);
      assert.deepEqual((await client.jobs.get("j")).result, value);
      assert.equal(host.requests[0]?.headers.get("accept"), "application/json");
    });
  }
});

Deno.test("a handle fetches a result that is too long for the description of its job", async () => {
  const { resultUrl } = { resultUrl: "/v1/jobs/j/result" };
  const long = jobJson({ state: "completed", done: true, resultUrl });
  await using host = fakeHost(({ method, url }) =>
    method === "POST"
      ? submitted("created")
      : json(url.endsWith("/result") ? '{"result":[1]}' : JSON.stringify(long))
  );
  await using client = clientOf([host.url]);
  const job = await client.jobs.submit({ tool: "add" });
  assert.deepEqual(await job.result(), [1]);
});

Deno.test("the error of a job is thrown with its class and details", async () => {
  const python = { type: "ValueError", message: "bad" };
  await using host = fakeHost(({ method, url }) =>
    method === "POST"
      ? submitted("created")
      : url.endsWith("/result")
      ? problem(500, "python_exception", { python, details: { jobId: "j" }, retryable: false })
      : json(JSON.stringify(jobJson({ state: "discarded", done: true })))
  );
  await using client = clientOf([host.url]);
  const error = await errorOf((await client.jobs.submit({ tool: "add" })).result());
  assert.ok(error instanceof PythonError);
  assert.deepEqual([error.python, error.details], [python, { jobId: "j" }]);
});

Deno.test("list() sends the choice and the page as a query", async () => {
  await using host = fakeHost(() => Response.json({ jobs: [jobJson()], cursor: "next" }));
  await using client = clientOf([host.url]);
  const page = await client.jobs.list(
    { state: ["running", "available"], tag: ["a,b", "c"], createdFrom: new Date(0) },
    { limit: 5, cursor: "x" },
  );
  assert.deepEqual([page.items.map(({ id }) => id), page.cursor], [[jobJson().id], "next"]);
  const { search } = new URL(host.requests[0]?.url ?? "");
  assert.equal(
    search,
    "?state=running&state=available&tag=a%2Cb&tag=c&createdFrom=1970-01-01T00%3A00%3A00.000Z" +
      "&limit=5&cursor=x",
  );
  await client.jobs.list();
  assert.equal(new URL(host.requests[1]?.url ?? "").search, "");
});

Deno.test("cancel, retry and their choices send what they were given", async () => {
  const seen: string[] = [];
  await using host = fakeHost(async (request) => {
    const { pathname } = new URL(request.url);
    seen.push(`${request.method} ${pathname} ${await request.text()}`);
    const isMany = pathname.split("/").length === 4 && !pathname.startsWith("/v1/queues");
    if (isMany) return Response.json({ count: 2 });
    return Response.json(
      pathname.startsWith("/v1/queues") ? { name: "mail", paused: true, counts: {} } : jobJson(),
    );
  });
  await using client = clientOf([host.url]);
  const { jobs, queues } = client;
  await jobs.cancel("j", { reason: "no more" });
  await jobs.cancel("j");
  await jobs.retry("j");
  assert.deepEqual(await jobs.cancelMany({ queue: "mail" }, { reason: "r" }), { count: 2 });
  assert.deepEqual(await jobs.retryMany({ state: "discarded" }), { count: 2 });
  await queues.pause("mail");
  await queues.resume("mail");
  await queues.update("mail", { concurrency: null });
  assert.deepEqual(seen, [
    'POST /v1/jobs/j/cancel {"reason":"no more"}',
    "POST /v1/jobs/j/cancel {}",
    "POST /v1/jobs/j/retry {}",
    'POST /v1/jobs/cancel {"queue":"mail","reason":"r"}',
    'POST /v1/jobs/retry {"state":"discarded"}',
    'PATCH /v1/queues/mail {"paused":true}',
    'PATCH /v1/queues/mail {"paused":false}',
    'PATCH /v1/queues/mail {"concurrency":null}',
  ]);
});

Deno.test("names that no path can hold are unknown, and none is sent in their place", async () => {
  await using host = fakeHost(() => Response.json({ queues: [{ name: "mail" }] }));
  await using client = clientOf([host.url]);
  const { jobs, queues } = client;
  for (const id of ["", ".", "..", "a/b", "a?b", "x".repeat(200)]) {
    for (const call of [jobs.get(id), jobs.cancel(id), jobs.result(id), jobs.wait(id)]) {
      assert.equal((await errorOf(call)).code, "unknown_job");
    }
  }
  assert.equal(host.requests.length, 0);
  for (const name of ["..", "a/b", "mial"]) {
    const error = await errorOf(queues.get(name));
    assert.equal(error.code, "unknown_queue");
  }
  assert.match((await errorOf(queues.update("../pools", {}))).message, /There is no queue/);
  assert.ok(host.requests.every(({ url }) => url.endsWith("/v1/queues")));
});

Deno.test("an answer that lacks a field is unexpected_answer, which names it", async (t) => {
  const uses: Record<string, (client: SnakedenClient) => Promise<unknown>> = {
    "submit: id": ({ jobs }) => jobs.submit({ tool: "add" }),
    "submitMany: jobs": ({ jobs }) => jobs.submitMany([{ tool: "add" }]),
    "get: id": ({ jobs }) => jobs.get("j"),
    "list: jobs": ({ jobs }) => jobs.list(),
    "cancel: id": ({ jobs }) => jobs.cancel("j"),
    "retry: id": ({ jobs }) => jobs.retry("j"),
    "cancelMany: count": ({ jobs }) => jobs.cancelMany({ queue: "q" }),
    "retryMany: count": ({ jobs }) => jobs.retryMany({ queue: "q" }),
    "result: result": ({ jobs }) => jobs.result("j"),
    "wait: id": ({ jobs }) => jobs.wait("j"),
    "queues: queues": ({ queues }) => queues.list(),
    "update: name": ({ queues }) => queues.update("q", {}),
  };
  for (const [name, use] of Object.entries(uses)) {
    await t.step(name, async () => {
      await using host = fakeHost(() => Response.json({}));
      await using client = clientOf([host.url]);
      const error = await errorOf(use(client));
      assert.equal(error.code, "unexpected_answer");
      assert.equal(error.details.field, name.split(": ")[1]);
      assert.equal(host.requests.length, 1);
    });
  }
});
