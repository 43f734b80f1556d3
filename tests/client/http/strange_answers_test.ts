/** Answers that no host sends, and options that no client takes. */
import assert from "node:assert/strict";
import type { SnakedenError } from "../../../src/errors.ts";
import { SnakedenClient } from "../../../src/client/mod.ts";
import type { ClientOptions, Session } from "../../../src/client/mod.ts";
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

type Ask = (client: SnakedenClient) => Promise<unknown>;

/** Each method whose answer is JSON, with the fields that it cannot do without. */
const ASKS: readonly [what: string, fields: readonly string[], ask: Ask][] = [
  ["execute()", ["result"], (it) => it.execute("x")],
  ["tools.list()", ["tools"], (it) => it.tools.list()],
  ["tools.find()", ["tools"], (it) => it.tools.find("x")],
  ["pools.list()", ["pools"], (it) => it.pools.list()],
  ["pools.get()", ["name"], (it) => it.pools.get("x")],
  ["pools.recycle()", ["workers"], (it) => it.pools.recycle({ pool: "x" })],
  ["workers.list()", ["workers"], (it) => it.workers.list()],
  ["workers.get()", ["workers"], (it) => it.workers.get("x")],
  ["sessions.open()", ["id"], (it) => it.sessions.open("x")],
  ["sessions.open() without an id", ["id"], (it) => it.sessions.open()],
  ["sessions.get()", ["id"], (it) => it.sessions.get("x")],
  ["sessions.list()", ["sessions"], (it) => it.sessions.list()],
  ["programs.put()", ["name"], (it) => it.programs.put("x", { tool: "x" })],
  ["programs.get()", ["name"], (it) => it.programs.get("x")],
  ["programs.list()", ["programs"], (it) => it.programs.list()],
  ["programs.run()", ["result"], (it) => it.programs.run("x")],
  ["hardware.detect()", ["cpu", "devices"], (it) => it.hardware.detect()],
  ["health.live()", ["status"], (it) => it.health.live()],
  ["health.ready()", ["ready", "pools"], (it) => it.health.ready()],
];

/** The same for the variables of a session. */
const VARIABLE_ASKS: readonly [
  string,
  readonly string[],
  (session: Session) => Promise<unknown>,
][] = [
  ["variables.get()", ["name", "value"], (it) => it.variables.get("x")],
  ["variables.getMany()", ["get"], (it) => it.variables.getMany(["x"])],
  ["variables.set()", ["name"], (it) => it.variables.set("x", 1)],
  ["variables.setMany()", ["set"], (it) => it.variables.setMany([{ name: "x", value: 1 }])],
  ["variables.list()", ["variables"], (it) => it.variables.list()],
  ["touch()", ["id"], (it) => it.touch()],
  ["update()", ["id"], (it) => it.update({})],
];

const SESSION = { id: "s" };

function isOpen({ method, url }: Request): boolean {
  return method === "PUT" && new URL(url).pathname === "/v1/sessions/s";
}

for (
  const [what, fields, ask] of [
    ...ASKS,
    ...VARIABLE_ASKS.map(([name, needed, use]): (typeof ASKS)[number] => [
      name,
      needed,
      async (client) => await use(await client.sessions.open("s")),
    ]),
  ]
) {
  Deno.test(`${what} names the field that an answer lacks`, async () => {
    const wrong = [...fields.keys()].map((at) => [fields.slice(0, at), fields[at]] as const);
    for (const [given, field = ""] of wrong) {
      // Fields before it are right for every kind that one of them can have.
      const right = given.map((name) => [name, name === "cpu" ? {} : "x"]);
      for (
        const extra of field === "result" || field === "value" || field === "ready"
          ? [[]]
          : [[], [[field, 5]]]
      ) {
        const answer = Object.fromEntries([...right, ...extra]);
        await using host = fakeHost((it) => Response.json(isOpen(it) ? SESSION : answer));
        await using client = clientOf([host.url]);
        await assert.rejects(ask(client), (error: SnakedenError) => {
          assert.equal(error.code, "unexpected_answer", String(error));
          assert.equal(error.details["field"], field);
          assert.match(
            error.message,
            new RegExp(`its field ${field} is (missing|of another kind);`),
          );
          return true;
        });
      }
    }
  });

  Deno.test(`${what} refuses JSON that is no object, or has no objects in its list`, async () => {
    for (const answer of [null, 5, [], Object.fromEntries(fields.map((it) => [it, [null]]))]) {
      // Any value can be the result of a call.
      if (fields[0] === "result" && answer !== null && !Array.isArray(answer) && answer !== 5) {
        continue;
      }
      await using host = fakeHost((it) => Response.json(isOpen(it) ? SESSION : answer));
      await using client = clientOf([host.url]);
      await assert.rejects(ask(client), { code: "unexpected_answer" }, JSON.stringify(answer));
    }
  });
}

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

Deno.test("changes that no host sends are an unexpected_answer, and are not asked for again", async () => {
  for (const data of ["{x", "1", "[]x"]) {
    await using host = fakeHost(({ url }) =>
      url.endsWith("/events")
        ? events(`id: 1\nevent: set\ndata: ${data}\n\n`, "closes")
        : Response.json({ id: "s" })
    );
    await using client = clientOf([host.url]);
    const { variables } = await client.sessions.get("s");
    await assert.rejects(variables.changes().next(), { code: "unexpected_answer" }, data);
    assert.equal(host.requests.length, 2);
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
