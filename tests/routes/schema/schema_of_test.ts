import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import assert from "node:assert/strict";
import { problemAnswers, schemaOf } from "../../../src/routes/schema/mod.ts";

interface Place {
  readonly name: string;
  readonly tags: readonly string[];
  readonly note?: string;
}

const { name, tags, note } = {
  name: z.string(),
  tags: z.array(z.string()),
  note: z.string().optional(),
};

Deno.test("schemaOf() returns the schema of a type, and compiles with no other schema", () => {
  const schema = z.object({ name, tags, note });
  assert.equal(schemaOf<Place>()(schema), schema);
  // @ts-expect-error A field is missing, although it need not be there.
  schemaOf<Place>()(z.object({ name, tags }));
  // @ts-expect-error A field is one more.
  schemaOf<Place>()(z.object({ name, tags, note, more: z.string() }));
  // @ts-expect-error A field that must be there need not.
  schemaOf<Place>()(z.object({ name: name.optional(), tags, note }));
  // @ts-expect-error A field that need not be there must.
  schemaOf<Place>()(z.object({ name, tags, note: name }));
  // @ts-expect-error A field has a wider type.
  schemaOf<Place>()(z.object({ name, tags: z.array(z.unknown()), note }));
  // @ts-expect-error A field has a narrower type.
  schemaOf<Place>()(z.object({ name: z.enum(["here"]), tags, note }));
});

Deno.test("app.openapi() compiles only if the handler returns what its route describes", () => {
  const schema = schemaOf<Place>()(z.object({ name, tags, note }));
  const route = createRoute({
    method: "get",
    path: "/place",
    responses: {
      200: { description: "It.", content: { "application/json": { schema } } },
      ...problemAnswers(404),
    },
  });
  const app = new OpenAPIHono();
  app.openapi(route, (c) => c.json({ name: "here", tags: [] }, 200));
  // @ts-expect-error A field is missing.
  app.openapi(route, (c) => c.json({ name: "here" }, 200));
  // @ts-expect-error The status is not described.
  app.openapi(route, (c) => c.json({ name: "here", tags: [] }, 201));
  // @ts-expect-error The types do not know what is in it; encodedJson() says so.
  app.openapi(route, () => new Response("{}"));
  assert.equal(app.routes.length, 4);
});
