import assert from "node:assert/strict";
import { InvalidInputError } from "../../src/errors.ts";
import { type ConfigInput, parseConfig } from "../../src/config/mod.ts";

const KEY = "k".repeat(16);

function problemOf(config: ConfigInput): string {
  try {
    parseConfig(config);
  } catch (error) {
    assert.ok(error instanceof InvalidInputError);
    return error.issues.map(({ path, message }) => `${path}: ${message}`).join("\n");
  }
  return "";
}

Deno.test("parseConfig() allows no other origin unless cors.origins lists some", () => {
  assert.deepEqual(parseConfig({}).cors, { origins: [] });
});

for (
  const origin of [
    "https://app.example.com",
    "http://localhost:5173",
    "http://[::1]:3000",
    "http://127.0.0.1:8001",
    "https://xn--bcher-kva.example",
    "chrome-extension://abcdefghijklmnop",
    "tauri://localhost",
  ]
) {
  Deno.test(`parseConfig() takes the origin ${origin}`, () => {
    assert.equal(problemOf({ cors: { origins: [origin] } }), "");
  });
}

for (
  const [origin, problem] of [
    ["null", /which is what local files and sandboxed pages of any site send/],
    ["https://*.example.com", /which has a wildcard; allowed: an origin in full/],
    ["https://app.example.com/", /which has a path; allowed: "https:\/\/app\.example\.com"$/],
    ["https://app.example.com/shop", /which has a path; allowed: "https:\/\/app\.example\.com"$/],
    ["https://app.example.com?a=1", /which has a query or a fragment/],
    ["https://me:pw@app.example.com", /which has a user name/],
    ["https://App.example.com", /is not how browsers write .*"https:\/\/app\.example\.com"$/],
    ["https://app.example.com:443", /is not how browsers write this origin/],
    ["http://bücher.example", /is not how browsers write .*"http:\/\/xn--bcher-kva\.example"$/],
    ["app.example.com", /which is no origin; allowed: an origin in full/],
    ["localhost:5173", /which is no origin/],
    ["", /which is no origin/],
    ["file:///home", /which is no origin/],
    ["javascript:alert(1)", /which is no origin/],
  ] as const
) {
  Deno.test(`parseConfig() refuses the origin ${JSON.stringify(origin)}, and says why`, () => {
    const text = problemOf({ cors: { origins: ["https://a.example", origin] } });
    assert.ok(text.startsWith(`cors.origins[1]: given ${JSON.stringify(origin)}`), text);
    assert.match(text, problem);
  });
}

Deno.test("parseConfig() takes * alone and with an API key only", () => {
  assert.equal(problemOf({ apiKey: KEY, cors: { origins: ["*"] } }), "");
  assert.match(
    problemOf({ cors: { origins: ["*"] } }),
    /cors\.origins\[0\]: given "\*" without an apiKey, which is refused: any web page/,
  );
  assert.match(
    problemOf({ apiKey: KEY, cors: { origins: ["https://a.example", "*"] } }),
    /cors\.origins\[1\]: given "\*" beside other origins/,
  );
});

Deno.test("parseConfig() names what is wrong with cors besides its origins", () => {
  assert.match(problemOf({ cors: { origin: [] } as object }), /unknown key; did you mean/);
  const text = { origins: "https://a.example" } as unknown as { origins: string[] };
  assert.match(
    problemOf({ cors: text }),
    /cors\.origins: given "https.*allowed: a list of up to 64/,
  );
});
