/** Answers that no host sends, and options that no client takes. */
import assert from "node:assert/strict";
import { SnakedenClient } from "../../../src/client/mod.ts";
import type { ClientOptions } from "../../../src/client/mod.ts";
import { clientOf, events, fakeHost } from "../fake_host.ts";

Deno.test("JSON of another shape is an unexpected_answer", async () => {
  for (const text of ["null", "5", "[]", '"x"', "{}", '{"value":1}']) {
    const headers = { "content-type": "application/json" };
    await using host = fakeHost(() => new Response(text, { headers }));
    await using client = clientOf([host.url]);
    await assert.rejects(client.execute("x"), { code: "unexpected_answer" }, text);
    await assert.rejects(client.tools.list(), { code: "unexpected_answer" }, text);
  }
});

Deno.test("events that no host sends are an unexpected_answer", async () => {
  for (
    const event of ["chunk\ndata: {x", "done\ndata: null", "done\ndata: {x", "failed\ndata: 1"]
  ) {
    await using host = fakeHost(() => events(`event: ${event}\n\n`, "closes"));
    await using client = clientOf([host.url]);
    const read = async (): Promise<void> => {
      for await (const _ of client.stream("x"));
    };
    await assert.rejects(read(), { code: "unexpected_answer" }, event);
  }
});

Deno.test("a time limit beyond that of timers is none", async () => {
  const outcome = '{"result":1,"callId":"c","workerId":"w","durationMs":1,"queueMs":0}';
  await using host = fakeHost(async ({ url }) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new URL(url).pathname === "/v1/tools"
      ? Response.json({ tools: [] })
      : events(`event: done\ndata: ${outcome}\n\n`, "closes");
  });
  await using client = clientOf([host.url], { timeoutMs: 2 ** 40 });
  assert.equal(await client.execute("x", {}, { timeoutMs: 2 ** 40 }), 1);
});

Deno.test("SnakedenClient names wrong kinds of options, and shows no password", () => {
  const cases: [unknown, RegExp][] = [
    [undefined, /options: missing/],
    [{ baseUrl: "http://h", apiKey: "" }, /apiKey: given an empty text/],
    [{ baseUrl: "http://h", apiKey: 5 }, /apiKey: given a number/],
    [{ baseUrl: "http://h", apiKey: "a\nb" }, /apiKey: given a text that no header can hold/],
    [{ baseUrl: "http://h", fetch: 5 }, /fetch: given a number/],
    [{ baseUrls: "http://h" }, /baseUrls: given a string; allowed: a list/],
    [{ baseUrl: "http://u:secret@h" }, /baseUrl: given "http:\/\/\*\*\*@h"; .* without user/],
  ];
  for (const [options, text] of cases) {
    assert.throws(() => new SnakedenClient(options as ClientOptions), text);
  }
});
