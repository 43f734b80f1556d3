import assert from "node:assert/strict";
import { createApp } from "../../src/routes/mod.ts";
import { clientOf, memoryEngine } from "./memory_engine.ts";

interface Operation {
  responses: Record<string, { description: string }>;
}

/** Every `$ref` of a document. */
function refsOf(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "$ref" ? [String(value)] : refsOf(value)
  );
}

function resolve(document: unknown, ref: string): unknown {
  return ref.slice(2).split("/").reduce<unknown>(
    (node, key) => Reflect.get(Object(node), key),
    document,
  );
}

Deno.test("GET /openapi.json is OpenAPI 3.1 and describes every path of the API", async () => {
  const engine = memoryEngine();
  const document = await (await clientOf(engine).request("/openapi.json")).json();
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  const described = Object.entries<Record<string, Operation>>(document.paths)
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method} ${path}`));
  const served = createApp(engine, { version: "1" }).routes
    .filter((it) => it.method !== "ALL" && /^\/(v1|healthz|readyz)/.test(it.path))
    .map((it) => `${it.method.toLowerCase()} ${it.path.replaceAll(/:(\w+)/g, "{$1}")}`);
  assert.deepEqual(described.sort(), served.sort());
});

Deno.test("GET /openapi.json has only references that lead somewhere", async () => {
  const document = await (await clientOf(memoryEngine()).request("/openapi.json")).json();
  const refs = refsOf(document);
  assert.ok(refs.length > 10);
  for (const ref of refs) assert.notEqual(resolve(document, ref), undefined, ref);
});

Deno.test("GET /openapi.json holds the arguments of the tools that run", async () => {
  const document = await (await clientOf(memoryEngine()).request("/openapi.json")).json();
  const { schemas } = document.components;
  assert.deepEqual(schemas["args.default.add"].properties.a, {
    $ref: "#/components/schemas/args.default.add/$defs/N",
  });
});

Deno.test("GET /openapi.json tells of the key when one is needed", async () => {
  const apiKey = "k".repeat(16);
  const client = clientOf(memoryEngine({ config: { apiKey } }));
  const answer = await client.request("/openapi.json", { headers: { "x-api-key": apiKey } });
  const document = await answer.json();
  assert.deepEqual(document.security, [{ apiKey: [] }]);
  assert.equal(document.components.securitySchemes.apiKey.scheme, "bearer");
});
