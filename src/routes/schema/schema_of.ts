import type { z } from "@hono/zod-openapi";

/** The type `T` as JSON shows it: without `readonly`, and without `undefined` for absent fields. */
type Plain<T> = T extends readonly (infer Item)[] ? Plain<Item>[]
  : T extends object ? { -readonly [Key in keyof T]: Plain<Exclude<T[Key], undefined>> }
  : T;

/** The type `true` if both types have the same fields; being assignable is not enough. */
type IsSame<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

/** The type that a refused schema would need, which shows both types in the error. */
interface Differs<Described, Expected> {
  readonly described: Described;
  readonly expected: Expected;
}

type Check<Described, Expected> = IsSame<Described, Expected> extends true ? unknown
  : Differs<Described, Expected>;

/**
 * Returns the schema of `T`, a type that the host declares. A call does not compile unless schema
 * and type have the same fields with the same types.
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
