/** Checks responses against the schemas of their routes. */
import { type OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import assert from "node:assert/strict";
import type { AppEnv } from "../../src/routes/mod.ts";
import { problemSchema } from "../../src/routes/schema/mod.ts";

/** Statuses that openapi_answers.ts describes for every path, and the one that nobody reads. */
const EVERYWHERE = [401, 403, 405, 417, 499, 501];

/** @throws {AssertionError} If a response differs from the description of its route. */
export async function assertDescribed(
  app: OpenAPIHono<AppEnv>,
  answer: Response,
  { method, path }: { readonly method: string; readonly path: string },
): Promise<void> {
  const route = routeOf(app, method, path);
  if (route === undefined) return;
  const name = `${method} ${path} ${answer.status}`;
  const described = route.responses[answer.status];
  if (described === undefined) {
    assert.ok(EVERYWHERE.includes(answer.status), `${name} is not described`);
    return await assertFits(answer, problemSchema, name);
  }
  const { content } = z.object({ content: z.record(z.string(), z.unknown()).optional() })
    .parse(described);
  if (content === undefined) return assert.equal(answer.body, null, `${name} has a body`);
  const [type = ""] = (answer.headers.get("content-type") ?? "").split(";");
  const key = Object.hasOwn(content, type) ? type : "*/*";
  assert.ok(Object.hasOwn(content, key), `${name} is not described as ${type}`);
  const schema: unknown = Reflect.get(Object(content[key]), "schema");
  // The events of a stream are described for programs alone; stream_test.ts reads them.
  if (schema instanceof z.ZodType) await assertFits(answer, schema, name);
}

function routeOf(app: OpenAPIHono<AppEnv>, method: string, path: string): RouteConfig | undefined {
  const [pathname = ""] = path.split("?");
  return app.openAPIRegistry.definitions
    .flatMap((it) => it.type === "route" ? [it.route] : [])
    .find((it) =>
      it.method === method.toLowerCase() &&
      new RegExp(`^${it.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(pathname)
    );
}

async function assertFits(answer: Response, schema: z.ZodType, name: string): Promise<void> {
  const body: unknown = await answer.clone().json();
  const { success, data, error } = schema.safeParse(body);
  assert.ok(success, `${name} does not fit its schema: ${error?.message}`);
  assert.deepEqual(data, body, `${name} has what its schema does not have`);
}
