import assert from "node:assert/strict";
import type { DetectOptions } from "../../src/hardware/mod.ts";
import { clientOf, MACHINE, memoryEngine } from "./memory_engine.ts";

const KEY = "k".repeat(16);
const WITH_KEY = { headers: { "x-api-key": KEY } };

Deno.test("GET /v1/hardware shows all to this machine when there is no key", async () => {
  const client = clientOf(memoryEngine());
  for (const address of [undefined, "127.0.0.1", "::1"]) {
    const answer = await client.request("/v1/hardware", {}, address);
    assert.equal(answer.status, 200);
    assert.deepEqual(await answer.json(), MACHINE);
  }
});

Deno.test("GET /v1/hardware shows all to the holders of the key, wherever they are", async () => {
  const client = clientOf(memoryEngine({ config: { apiKey: KEY } }));
  for (const address of ["127.0.0.1", "192.0.2.7"]) {
    const answer = await client.request("/v1/hardware", WITH_KEY, address);
    assert.deepEqual(await answer.json(), MACHINE);
    assert.equal((await client.request("/v1/hardware", {}, address)).status, 401);
  }
});

Deno.test("GET /v1/hardware hides host name and UUIDs from other machines when there is no key", async () => {
  const answer = await clientOf(memoryEngine()).request("/v1/hardware", {}, "192.0.2.7");
  const { hostname, devices, ...rest } = await answer.json();
  assert.equal(hostname, null);
  assert.deepEqual(devices, MACHINE.devices.map((it) => ({ ...it, uuid: null })));
  assert.deepEqual({ ...MACHINE, ...rest }, MACHINE);
});

Deno.test("GET /v1/hardware?refresh=true asks everything again, and refuses other fields", async () => {
  const seen: DetectOptions[] = [];
  const detect = (options: DetectOptions): Promise<typeof MACHINE> => {
    seen.push(options);
    return Promise.resolve(MACHINE);
  };
  const client = clientOf(memoryEngine({ namespaces: { hardware: { detect } } }));
  for (const query of ["", "?refresh=false", "?refresh=true"]) {
    assert.equal((await client.request(`/v1/hardware${query}`)).status, 200);
  }
  // So the tools of the vendors do not run all the time for a client that repeats its request.
  assert.deepEqual(seen.map(({ refresh, maxAgeMs }) => [refresh, maxAgeMs]), [
    [false, undefined],
    [false, undefined],
    [true, 1_000],
  ]);
  const refused: readonly [query: string, path: string, text: RegExp][] = [
    ["?refresh", "refresh", /refresh: given ""; allowed: "true" or "false"/],
    ["?refresh=1", "refresh", /refresh: given "1"; allowed: "true" or "false"/],
    ["?refresh=true&refresh=true", "refresh", /refresh: given a list of 2; allowed: "true"/],
    ["?fresh=true", "", /Unrecognized key: "fresh"/],
  ];
  for (const [query, path, text] of refused) {
    const answer = await client.request(`/v1/hardware${query}`);
    const problem = await answer.json();
    assert.equal(answer.status, 400, query);
    assert.equal(problem.code, "invalid_input");
    assert.equal(problem.errors[0].path, path);
    assert.match(problem.detail, text);
  }
  assert.equal(seen.length, 3);
});

Deno.test("GET /v1/hardware passes on that its client left", async () => {
  const detect = ({ signal }: DetectOptions): Promise<typeof MACHINE> =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason));
      leaving.abort(new DOMException("left", "AbortError"));
    });
  const leaving = new AbortController();
  const client = clientOf(memoryEngine({ namespaces: { hardware: { detect } } }));
  const answer = await client.request("/v1/hardware", { signal: leaving.signal });
  assert.equal(answer.status, 499);
});
