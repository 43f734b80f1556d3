import { z } from "zod";
import { metaOf, withoutDefault } from "./config_issues.ts";
import { configSchema } from "./schema.ts";

/**
 * The tables of docs/configuration.md, made from the schema: one row a key with its default, its allowed values and its
 * environment variable. A test holds the page to them.
 */
export function configTables(): string {
  const { python, store, limits, errors, pools } = configSchema.shape;
  const list = withoutDefault(pools);
  const pool = list instanceof z.ZodArray ? withoutDefault(list.element) : undefined;
  if (!(pool instanceof z.ZodObject)) throw new TypeError("the pools are no list of objects");
  const parts = ["heartbeat", "recycle", "limits"].map((key): [string, string] => [
    `pools: ${key}`,
    table(withoutDefault(pool.shape[key])),
  ]);
  const breaker = withoutDefault(pool.shape["breaker"]);
  const retry = withoutDefault(pool.shape["retry"]);
  return [
    ["The top", table(configSchema)],
    ["python", table(withoutDefault(python))],
    ["store", table(withoutDefault(store))],
    ["limits", table(withoutDefault(limits))],
    ["errors", table(withoutDefault(errors))],
    ["pools", table(pool)],
    ...parts,
    ["breaker, of a pool or a tool", table(breaker)],
    ["retry, of a pool or a tool", table(retry)],
  ].map(([title, rows]) => `### ${title}\n\n${rows}\n`).join("\n");
}

function table(schema: z.core.$ZodType): string {
  if (!(schema instanceof z.ZodObject)) return "";
  const entries: [string, z.core.$ZodType][] = Object.entries(schema.shape);
  const rows = entries.map(([key, field]) => {
    const meta = metaOf(field);
    if (meta === undefined) throw new TypeError(`the key ${key} has no description`);
    const env = meta.env === undefined ? "" : `\`${meta.env}\``;
    return `| \`${key}\` | ${
      defaultText(field)
    } | ${meta.allowed} | ${meta.description} | ${env} |`;
  });
  return [
    "| key | default | allowed | what it is | environment |",
    "| - | - | - | - | - |",
    ...rows,
  ]
    .join("\n");
}

function defaultText(field: z.core.$ZodType): string {
  const words = metaOf(field)?.defaultText;
  if (words !== undefined) return words;
  if (field instanceof z.ZodDefault) return `\`${JSON.stringify(field.def.defaultValue)}\``;
  return field instanceof z.ZodPrefault ? "see below" : "must be given";
}
