import type { z } from "@hono/zod-openapi";

/** `T` without what JSON does not show: `readonly`, and `undefined` for a field that is absent. */
type Plain<T> = T extends readonly (infer Item)[] ? Plain<Item>[]
  : T extends object ? { -readonly [Key in keyof T]: Plain<Exclude<T[Key], undefined>> }
  : T;

/** True for types that are the same, field by field; one being assignable to the other is less. */
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** Names both types where a schema that differs is refused. */
interface Differs<Described, Expected> {
  readonly described: Described;
  readonly expected: Expected;
}

type Check<Described, Expected> = IsSame<Described, Expected> extends true ? unknown
  : Differs<Described, Expected>;

/**
 * Marks a schema as that of `T`, the type that the host declares: it does not compile unless each
 * field of one is in the other, with the same type.
 *
 * @example
 * ```ts ignore
 * const toolSchema = schemaOf<ToolInfo>()(z.object({ name: z.string() }));
 * ```
 */
export function schemaOf<T>(): <S extends z.ZodType>(
  schema: S & Check<Plain<z.infer<S>>, Plain<T>>,
) => S {
  return (schema) => schema;
}
