/** A body for `createRoute` whose schema is a component of the OpenAPI document. */
export interface BodyByReference {
  readonly required: boolean;
  readonly content: {
    readonly "application/json": { readonly schema: { readonly $ref: string } };
  };
}

/**
 * Describes a JSON body that its handler reads. It refers to the schema because of what
 * `app.openapi` does with a zod schema: it reads and checks the body before the handler, without a
 * limit of size, memory or time, always on the event loop, and with texts of its own. A reference
 * costs a request nothing.
 *
 * @param component The name of the schema; it has to be registered, which a test holds.
 */
export function bodyByReference(
  component: string,
  { required = true }: { readonly required?: boolean } = {},
): BodyByReference {
  const schema = { $ref: `#/components/schemas/${component}` };
  return { required, content: { "application/json": { schema } } };
}
