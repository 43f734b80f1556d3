import assert from "node:assert/strict";
import { SnakedenError } from "../../../src/errors.ts";
import { clientOf, deadUrl, events, fakeHost, problem, result } from "../fake_host.ts";

async function errorOf(work: Promise<unknown>): Promise<SnakedenError> {
  const error = await work.then(() => undefined, (it: unknown) => it);
  assert.ok(error instanceof SnakedenError, String(error));
  return error;
}

Deno.test("a client tries the next host when one cannot be reached, and stays with it", async () => {
  const asked: string[] = [];
  const dead = deadUrl();
  await using good = fakeHost(() => result(1));
  await using client = clientOf([dead, good.url], {
    retry: { minRestMs: 60_000, maxRestMs: 60_000 },
    fetch: (url, init) => {
      asked.push(new URL(String(url)).origin);
      return fetch(url, init);
    },
  });
  assert.equal(await client.execute("add"), 1);
  assert.equal(await client.execute("add"), 1);
  assert.deepEqual(asked, [dead, good.url, good.url]);
});

Deno.test("a client without a host that answers names each URL with its reason", async () => {
  const urls = [deadUrl(), deadUrl()];
  await using client = clientOf(urls);
  const error = await errorOf(client.execute("add"));
  assert.equal(error.code, "host_unreachable");
  assert.equal(error.retryable, true);
  for (const url of urls) assert.ok(error.message.includes(url), error.message);
  assert.match(error.message, /refused/i);
  assert.equal(error.details.mayHaveRun, false);
});

Deno.test("a host name that does not exist is host_unreachable", async () => {
  await using client = clientOf(["http://no-such-host.invalid"]);
  assert.equal((await errorOf(client.execute("add"))).code, "host_unreachable");
});

Deno.test("a client uses the first host again when it has rested", async () => {
  let isDown = true;
  await using first = fakeHost(() => isDown ? problem(503, "shutting_down") : result("first"));
  await using second = fakeHost(() => result("second"));
  await using client = clientOf([first.url, second.url]);
  assert.equal(await client.execute("x"), "second");
  isDown = false;
  let last: unknown;
  for (let i = 0; i < 1_000 && last !== "first"; i++) {
    last = await client.execute("x");
  }
  assert.equal(last, "first");
});

Deno.test("a refusal before the call began goes to the next host; the last refusal is thrown", async (t) => {
  for (const code of ["shutting_down", "server_busy", "pool_unhealthy", "worker_start_failed"]) {
    await t.step(code, async () => {
      await using busy = fakeHost(() => problem(503, code));
      await using good = fakeHost(() => result(1));
      await using both = clientOf([busy.url, good.url]);
      assert.equal(await both.execute("x"), 1);
      await using alone = clientOf([busy.url]);
      assert.equal((await errorOf(alone.execute("x"))).code, code);
    });
  }
});

Deno.test("an error of the call is thrown, and no other host is asked", async () => {
  await using bad = fakeHost(() => problem(502, "worker_crashed", { details: { exitCode: 1 } }));
  await using good = fakeHost(() => result(1));
  await using client = clientOf([bad.url, good.url]);
  assert.equal(
    (await errorOf(client.execute("x", {}, { idempotent: true }))).code,
    "worker_crashed",
  );
  assert.equal(good.requests.length, 0);
});

/** Accepts connections, reads a request, and cuts the connection. */
function cutter(): AsyncDisposable & { readonly url: string; readonly count: () => number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let count = 0;
  const serving = (async () => {
    for await (const conn of listener) {
      count++;
      await conn.read(new Uint8Array(65_536));
      conn.close();
    }
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}`,
    count: () => count,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await serving.catch(() => {});
    },
  };
}

Deno.test("a call that may have begun is not sent again, unless it is idempotent", async () => {
  await using cut = cutter();
  await using good = fakeHost(() => result(1));
  const error = await (async () => {
    await using client = clientOf([cut.url, good.url]);
    return await errorOf(client.execute("x"));
  })();
  assert.equal(error.code, "connection_lost");
  assert.equal(error.details.mayHaveRun, true);
  assert.ok(error.message.includes(cut.url), error.message);
  assert.equal(good.requests.length, 0);
  await using client = clientOf([cut.url, good.url]);
  assert.equal(await client.execute("x", {}, { idempotent: true }), 1);
  assert.ok(cut.count() >= 2);
});

Deno.test("after a stream broke, the next call goes to the next host without asking the first", async (t) => {
  for (const end of ["breaks", "closes"] as const) {
    await t.step(end, async () => {
      await using first = fakeHost(() => events("event: chunk\ndata: 0\n\n", end));
      await using second = fakeHost(() => result(1));
      await using client = clientOf([first.url, second.url], {
        retry: { minRestMs: 60_000, maxRestMs: 60_000 },
      });
      const stream = client.stream("x");
      assert.equal((await errorOf(Promise.resolve(stream.result))).code, "connection_lost");
      assert.equal(await client.execute("x"), 1);
      assert.equal(first.requests.length, 1);
    });
  }
});

Deno.test("a GET is sent again to the next host after its connection broke", async () => {
  await using cut = cutter();
  await using good = fakeHost(() => Response.json({ tools: [] }));
  await using client = clientOf([cut.url, good.url]);
  assert.deepEqual(await client.tools.list(), []);
});

Deno.test("a page of a proxy is an unexpected_answer with its status, type and begin", async (t) => {
  const page = (status: number): Response =>
    new Response("<html>Bad Gateway</html>", { status, headers: { "content-type": "text/html" } });
  for (const status of [200, 404, 502, 503, 504]) {
    await t.step(String(status), async () => {
      await using proxy = fakeHost(() => page(status));
      await using client = clientOf([proxy.url]);
      const error = await errorOf(client.execute("x"));
      assert.equal(error.code, "unexpected_answer");
      assert.match(
        error.message,
        new RegExp(`${proxy.url}.*status ${status}.*text/html.*Bad Gateway`),
      );
      assert.equal(error.retryable, status >= 500);
    });
  }
  await t.step(
    "503 goes to the next host, and 502 does so for idempotent calls alone",
    async () => {
      await using good = fakeHost(() => result(1));
      await using unavailable = fakeHost(() => page(503));
      await using first = clientOf([unavailable.url, good.url]);
      assert.equal(await first.execute("x"), 1);
      await using gateway = fakeHost(() => page(502));
      await using second = clientOf([gateway.url, good.url]);
      assert.equal((await errorOf(second.execute("x"))).code, "unexpected_answer");
      await using third = clientOf([gateway.url, good.url]);
      assert.equal(await third.execute("x", {}, { idempotent: true }), 1);
    },
  );
});

Deno.test("JSON that is none, and an answer that is cut, are named", async () => {
  await using broken = fakeHost(() =>
    new Response("{", { headers: { "content-type": "application/json" } })
  );
  await using client = clientOf([broken.url]);
  assert.equal((await errorOf(client.pools.list())).code, "unexpected_answer");
});

Deno.test("maxAttempts begins again with the first host after all have failed", async () => {
  let answers = 0;
  await using flaky = fakeHost(() => ++answers < 4 ? problem(503, "server_busy") : result(answers));
  await using client = clientOf([flaky.url], { retry: { maxAttempts: 5 } });
  assert.equal(await client.execute("x"), 4);
  await using impatient = clientOf([flaky.url], { retry: { maxAttempts: 2 } });
  answers = 0;
  assert.equal((await errorOf(impatient.execute("x"))).code, "server_busy");
  assert.equal(answers, 2);
});

Deno.test("a host that is silent ends a request after timeoutMs, and a call after its deadline", async () => {
  const { promise: never, resolve } = Promise.withResolvers<Response>();
  const host = fakeHost(() => never);
  await using client = clientOf([host.url], { timeoutMs: 50 });
  const error = await errorOf(client.pools.list());
  assert.equal(error.code, "connection_lost");
  assert.match(error.message, /GET \/v1\/pools was not answered within 50 ms/);
  const late = await errorOf(client.execute("x", {}, { timeoutMs: 1 }));
  assert.equal(late.code, "deadline_exceeded");
  resolve(result(1));
  await host[Symbol.asyncDispose]();
});

Deno.test("close() ends open requests, and refuses later ones", async () => {
  const { promise: never, resolve } = Promise.withResolvers<Response>();
  const host = fakeHost(() => never);
  const client = clientOf([host.url]);
  const call = client.execute("x");
  await client.close();
  await assert.rejects(call, { name: "AbortError", message: "The client is closed" });
  await assert.rejects(client.execute("x"), { name: "AbortError" });
  resolve(result(1));
  await host[Symbol.asyncDispose]();
});

Deno.test("a signal that outlives many calls keeps no listener of them", async () => {
  await using host = fakeHost(() => result(1));
  await using client = clientOf([host.url]);
  const controller = new AbortController();
  let open = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => (open++, add(...args));
  signal.removeEventListener = (...args: Parameters<typeof remove>) => (open--, remove(...args));
  for (let i = 0; i < 5; i++) await client.execute("x", {}, { signal });
  assert.equal(open, 0);
  // The answer is no stream, which makes the last read fail.
  const stream = client.stream("x", {}, { signal });
  await assert.rejects(Promise.resolve(stream.result), { code: "unexpected_answer" });
  assert.equal(open, 0);
});

Deno.test("requests carry the key, own headers and the path of a proxy", async () => {
  await using host = fakeHost(() => result(1));
  await using client = clientOf([`${host.url}/behind/`], {
    apiKey: "k",
    headers: { "x-tenant": "t" },
  });
  await client.execute("x", {}, { requestId: "r-1" });
  const [request] = host.requests;
  assert.equal(new URL(request?.url ?? "").pathname, "/behind/v1/execute");
  assert.equal(request?.headers.get("authorization"), "Bearer k");
  assert.equal(request?.headers.get("x-tenant"), "t");
  assert.equal(request?.headers.get("x-request-id"), "r-1");
});

Deno.test("SnakedenClient names every option that is wrong", () => {
  assert.throws(
    () =>
      clientOf(["ftp://x", "nonsense", "http://x?y"], {
        timeoutMs: -1,
        baseURL: "x",
        retry: { maxAttempts: 0 },
      } as never),
    (error) => {
      assert.ok(error instanceof SnakedenError);
      const paths = (error.details.issues as { path: string }[]).map(({ path }) => path);
      assert.deepEqual(paths, [
        "baseURL",
        "baseUrls[0]",
        "baseUrls[1]",
        "baseUrls[2]",
        "timeoutMs",
        "retry.maxAttempts",
      ]);
      return true;
    },
  );
  assert.throws(() => clientOf([]), /baseUrl: missing/);
});

Deno.test("health.ready() says no for a host that starts or stops, with its reasons if it has any", async () => {
  let answer = problem(503, "shutting_down");
  await using host = fakeHost(() => answer);
  await using client = clientOf([host.url]);
  assert.deepEqual(await client.health.ready(), { ready: false, pools: {} });
  const readiness = { ready: false, pools: { a: { ready: false, reason: "no worker" } } };
  answer = Response.json(readiness, { status: 503 });
  assert.deepEqual(await client.health.ready(), readiness);
});

Deno.test("a pause between rounds is as long as Retry-After asks, up to maxRestMs, and can be left", async () => {
  await using busy = fakeHost(() => {
    const refusal = problem(503, "server_busy");
    refusal.headers.set("retry-after", "3600");
    return refusal;
  });
  const retry = { maxAttempts: 3, minRestMs: 1, maxRestMs: 3_600_000 };
  await using client = clientOf([busy.url], { retry });
  const controller = new AbortController();
  const call = client.execute("x", {}, { signal: controller.signal });
  while (busy.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const reason = new Error("enough");
  const failure = assert.rejects(call, reason);
  controller.abort(reason);
  await failure;
  assert.equal(busy.requests.length, 1);
  await using quick = clientOf([busy.url], { retry: { ...retry, maxRestMs: 2 } });
  assert.equal((await errorOf(quick.execute("x"))).code, "server_busy");
  assert.equal(busy.requests.length, 4);
});
