import assert from "node:assert/strict";
import { connect } from "../../mod.ts";
import { runProgram } from "./script_process.ts";

/** The `authorization` of the first request of a client with these variables. */
async function authorizationWith(env: Record<string, string>): Promise<unknown> {
  const text = `import { connect } from "snakeden";
    const den = connect({
      fetch: (url, init) => {
        console.log(JSON.stringify([String(url), new Headers(init?.headers).get("authorization")]));
        return Promise.reject(new TypeError("no network"));
      },
      retry: { maxAttempts: 1 },
    });
    await den.tools.list().catch(() => {});`;
  const { code, stdout, stderr } = await runProgram(text, { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

Deno.test("connect() takes the address and the token of the job", async () => {
  const SNAKEDEN_URL = "http://127.0.0.1:1234";
  const key = { SNAKEDEN_API_KEY: "key-of-the-house" };
  const tools = `${SNAKEDEN_URL}/v1/tools`;
  assert.deepEqual(
    await authorizationWith({ SNAKEDEN_URL, SNAKEDEN_TOKEN: "token", ...key }),
    [tools, "Bearer token"],
  );
  assert.deepEqual(await authorizationWith({ SNAKEDEN_URL, SNAKEDEN_TOKEN: "", ...key }), [
    tools,
    "Bearer key-of-the-house",
  ]);
  assert.deepEqual(await authorizationWith({ SNAKEDEN_URL }), [tools, null]);
});

Deno.test("connect() says what to do if there is no host to connect to", async () => {
  const text = `import { connect } from "snakeden"; connect();`;
  for (const env of [{}, { SNAKEDEN_URL: "" }]) {
    const { code, stderr } = await runProgram(text, { env });
    assert.equal(code, 1);
    assert.match(stderr, /Cannot connect to a host: SNAKEDEN_URL is not set\. Serve first .* job/);
  }
  const { stderr } = await runProgram(text, {
    env: { SNAKEDEN_URL: "http://127.0.0.1:1" },
    flags: ["--allow-read"],
  });
  assert.match(stderr, /may not read SNAKEDEN_URL \(--allow-env\)/);
});

Deno.test("connect() takes options instead of the environment, and checks them", async () => {
  await using den = connect({ baseUrl: "http://127.0.0.1:1", apiKey: "k", timeoutMs: 1 });
  assert.equal(typeof den.execute, "function");
  assert.throws(() => connect({ baseUrl: "ftp://x" }), { code: "invalid_input" });
});
