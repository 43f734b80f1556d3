import { JOB_ROUTES } from "../../../src/routes/access/mod.ts";
import assert from "node:assert/strict";
import { createApp } from "../../../src/routes/mod.ts";
import type { ToolInfo } from "../../../src/tools/mod.ts";
import { clientOf, memoryEngine, type MemoryEngineOptions } from "../memory_engine.ts";

interface Operation {
  operationId: string;
  security?: unknown[];
  requestBody?: { content: Record<string, { examples?: unknown }> };
  responses: Record<string, { headers?: Record<string, unknown> }>;
}

/** The operations of a document by `METHOD /path`. */
function operationsOf(
  document: { paths: Record<string, Record<string, Operation>> },
): (readonly [name: string, operation: Operation])[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, it]) => [`${method} ${path}`, it] as const)
  );
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
  const described = operationsOf(document).map(([name]) => name);
  const served = createApp(engine, { version: "1" }).routes
    .filter((it) => it.method !== "ALL" && /^\/(v1|healthz|readyz)/.test(it.path))
    .map((it) => `${it.method.toLowerCase()} ${it.path.replaceAll(/:(\w+)/g, "{$1}")}`);
  // A route with a schema for its request is in the list once more, as what checks the request.
  assert.deepEqual(described.sort(), [...new Set(served)].sort());
});

Deno.test("docs/http.md names every described path with its method", async () => {
  const document = await (await clientOf(memoryEngine()).request("/openapi.json")).json();
  const page = await Deno.readTextFile(new URL("../../../docs/http.md", import.meta.url));
  const names = operationsOf(document).map(([name]) => {
    const [method = "", path = ""] = name.split(" ");
    return `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ":$1")}`;
  });
  assert.deepEqual(names.filter((it) => !page.includes(`\`${it}\``)), []);
});

Deno.test("GET /openapi.json has no broken references", async () => {
  const document = await (await clientOf(memoryEngine()).request("/openapi.json")).json();
  const refs = refsOf(document);
  assert.ok(refs.length > 10);
  for (const ref of refs) assert.notEqual(resolve(document, ref), undefined, ref);
});

Deno.test("GET /openapi.json describes the arguments of the running tools", async () => {
  const document = await (await clientOf(memoryEngine()).request("/openapi.json")).json();
  const { schemas } = document.components;
  assert.deepEqual(schemas["args.default.add"].properties.a, {
    $ref: "#/components/schemas/args.default.add/$defs/N",
  });
});

Deno.test("GET /openapi.json describes how to send the key when one is needed", async () => {
  const apiKey = "k".repeat(16);
  const client = clientOf(memoryEngine({ config: { apiKey } }));
  const answer = await client.request("/openapi.json", { headers: { "x-api-key": apiKey } });
  const document = await answer.json();
  assert.deepEqual(document.security, [{ bearer: [] }, { header: [] }]);
  assert.equal(document.components.securitySchemes.bearer.scheme, "bearer");
  assert.equal(document.components.securitySchemes.header.name, "x-api-key");
  assert.match(document.info.description, /`authorization: Bearer KEY` or `x-api-key: KEY`/);
});

async function documentOf(options: MemoryEngineOptions = {}): Promise<AnyDocument> {
  const headers: HeadersInit = options.config?.apiKey === undefined
    ? {}
    : { "x-api-key": String(options.config.apiKey) };
  const answer = await clientOf(memoryEngine(options)).request("/openapi.json", { headers });
  return await answer.json();
}

interface AnyDocument {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Record<string, unknown>> };
}

const TOOL: ToolInfo = {
  name: "add",
  runsIn: "worker",
  pool: "default",
  description: "Add two numbers.",
  inputSchema: {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    properties: { a: { type: "number" } },
    required: ["a"],
  },
  streams: false,
  idempotent: false,
};

Deno.test("GET /openapi.json describes files in, bytes out, and the query of calls", async () => {
  const document = Object(await documentOf());
  for (const path of ["/v1/execute", "/v1/stream"]) {
    const { post } = document.paths[path];
    const bodies = Object.keys(post.requestBody.content);
    assert.deepEqual(bodies.slice(0, 3), [
      "application/json",
      "multipart/form-data",
      "application/octet-stream",
    ]);
    const answers = post.responses["200"].content;
    assert.equal(answers["application/octet-stream"].schema.format, "binary");
    const query = post.parameters.map((it: { name: string }) => it.name);
    for (const name of ["tool", "args", "arg", "arrays", "timeoutMs"]) {
      assert.ok(query.includes(name), name);
    }
  }
});

Deno.test("GET /openapi.json gives every operation a unique operationId", async () => {
  const ids = operationsOf(await documentOf()).map(([, it]) => it.operationId);
  assert.ok(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id)), ids.join());
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("GET /openapi.json says which operations need a key, and which take a token", async () => {
  const token = { jobToken: [] };
  const ofToken = new Set(JOB_ROUTES.map(({ method, path }) => `${method.toLowerCase()} ${path}`));
  for (const apiKey of [undefined, "k".repeat(16)]) {
    const document = await documentOf(apiKey === undefined ? {} : { config: { apiKey } });
    assert.equal(Object(document.components).securitySchemes.jobToken.scheme, "bearer");
    const without = apiKey === undefined ? [{}] : [{ bearer: [] }, { header: [] }];
    const taken: string[] = [];
    for (const [name, it] of operationsOf(document)) {
      const isHealth = /healthz|readyz/.test(name);
      assert.equal("401" in it.responses, !isHealth, name);
      assert.equal("403" in it.responses, !isHealth || apiKey === undefined, name);
      if (isHealth) assert.deepEqual(it.security, [], name);
      else if (ofToken.has(name)) {
        assert.deepEqual(it.security, [...without, token], name);
        taken.push(name);
      } else assert.equal(it.security, undefined, name);
    }
    assert.equal(taken.length, ofToken.size);
  }
});

Deno.test("GET /openapi.json describes the headers that come with bytes", async () => {
  const { paths } = await documentOf();
  const headers = paths["/v1/execute"]?.["post"]?.responses["200"]?.headers ?? {};
  const named = Object.keys(headers).filter((it) => it.startsWith("snakeden-"));
  const outside = ["call-id", "worker-id", "duration-ms", "queue-ms", "dtype", "shape"];
  assert.deepEqual(named, outside.map((it) => `snakeden-${it}`));
});

Deno.test("GET /openapi.json describes the headers of every response", async () => {
  const document = await documentOf();
  for (const [name, { responses }] of operationsOf(document)) {
    for (const [status, given] of Object.entries(responses)) {
      const { $ref: ref } = given as { $ref?: string };
      const answer = (ref === undefined ? given : resolve(document, ref)) as typeof given;
      const headers = Object.keys(answer.headers ?? {});
      assert.ok(headers.includes("x-request-id"), `${name} ${status}`);
      assert.equal(headers.includes("Retry-After"), ["429", "503"].includes(status), name + status);
      assert.equal(headers.includes("Allow"), status === "405", `${name} ${status}`);
    }
  }
});

Deno.test("GET /openapi.json describes a call as a call of one of the tools", async () => {
  const free = { ...TOOL, name: "ping", inputSchema: { type: "object", properties: {} } };
  const other = { ...TOOL, pool: "heavy", inputSchema: { type: "object", required: ["b"] } };
  const tools = [TOOL, free, other];
  const { components: { schemas } } = await documentOf({
    namespaces: { tools: { list: () => tools } },
  });
  const ref = (name: string): string => `#/components/schemas/${name}`;
  assert.deepEqual(schemas["CallRequest"]?.oneOf, [
    { $ref: ref("call.add") },
    { $ref: ref("call.ping") },
  ]);
  const add = schemas["call.add"] as { required: string[]; properties: Record<string, unknown> };
  assert.deepEqual(add.required, ["tool", "args"]);
  assert.deepEqual(add.properties.tool, { type: "string", const: "add" });
  assert.deepEqual(add.properties.args, {
    anyOf: [{ $ref: ref("args.default.add") }, { $ref: ref("args.heavy.add") }],
  });
  assert.deepEqual(schemas["call.ping"]?.required, ["tool"]);
});

Deno.test("GET /openapi.json has an example of a call of each tool", async () => {
  const tools = [TOOL, { ...TOOL, name: "ping", inputSchema: {} }, { ...TOOL, pool: "heavy" }];
  const { paths } = await documentOf({ namespaces: { tools: { list: () => tools } } });
  const values = { a: 2 };
  for (const path of ["/v1/execute", "/v1/stream", "/v1/jobs"]) {
    assert.deepEqual(paths[path]?.post?.requestBody?.content["application/json"]?.examples, {
      "add in default": {
        summary: "add in default",
        value: { tool: "add", pool: "default", args: values },
      },
      ping: { summary: "ping", value: { tool: "ping", args: {} } },
      "add in heavy": {
        summary: "add in heavy",
        value: { tool: "add", pool: "heavy", args: values },
      },
    });
  }
  assert.deepEqual(
    paths["/v1/jobs/{id}"]?.put?.requestBody?.content["application/json"]?.examples,
    paths["/v1/jobs"]?.post?.requestBody?.content["application/json"]?.examples,
  );
  const recycle = paths["/v1/pools/{name}/recycle"]?.post?.requestBody;
  assert.ok(recycle && !("examples" in (recycle.content["application/json"] ?? {})));
});

Deno.test("GET /openapi.json accepts any tool name while no tool runs", async () => {
  const { components: { schemas } } = await documentOf({
    namespaces: { tools: { list: () => [] } },
  });
  assert.equal(schemas["CallRequest"]?.type, "object");
});

Deno.test("GET /openapi.json distinguishes tools whose names are not ASCII", async () => {
  const tools = ["größe", "grüße", "größe2"].map((name) => ({ ...TOOL, name }));
  const { components: { schemas } } = await documentOf({
    namespaces: { tools: { list: () => tools } },
  });
  const names = Object.keys(schemas).filter((it) => it.startsWith("args."));
  assert.equal(names.length, 3);
  assert.ok(Object.keys(schemas).every((it) => /^[\w.-]+$/.test(it)), names.join());
});

Deno.test("GET /openapi.json describes every tag of its routes", async () => {
  const answer = await clientOf(memoryEngine()).request("/openapi.json");
  const { paths, tags } = await answer.json();
  const operations = Object.values<Record<string, { readonly tags?: string[] }>>(paths)
    .flatMap((it) => Object.values(it));
  const used = new Set(operations.flatMap((it) => it.tags ?? []));
  const described = tags.map(({ name }: { readonly name: string }) => name);
  assert.deepEqual([...used].sort(), described.sort());
});
