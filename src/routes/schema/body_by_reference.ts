/** A body for `createRoute` whose schema is a component of the OpenAPI document. */
export interface BodyByReference {
  readonly required: boolean;
  readonly content: {
    readonly "application/json": { readonly schema: { readonly $ref: string } };
    readonly [type: string]: { readonly schema: Readonly<Record<string, unknown>> };
  };
}

/**
 * Describes a JSON body that its handler reads itself. Given a zod schema instead of a reference,
 * `app.openapi` would read and check the body before the handler: without limits of size, memory or
 * time, always on the event loop, and with its own error texts.
 *
 * @param component The name of the schema. It must be registered, which a test checks.
 */
export function bodyByReference(
  component: string,
  { required = true, others = {} }: {
    readonly required?: boolean;
    /** The other types that the body may have, with their schemas. */
    readonly others?: Readonly<
      Record<string, { readonly schema: Readonly<Record<string, unknown>> }>
    >;
  } = {},
): BodyByReference {
  const schema = { $ref: `#/components/schemas/${component}` };
  return { required, content: { "application/json": { schema }, ...others } };
}
