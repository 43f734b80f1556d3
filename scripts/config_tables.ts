import { z } from "zod";
import { configSchema, metaOf, withoutDefault } from "../src/config/mod.ts";

/** Matches the part of the page between its two marks. */
const MARKED = /(?<=<!-- keys -->\n\n).*(?=\n<!-- end of keys -->)/s;

/** Returns the page with the tables in it, formatted as `deno fmt` leaves it. */
export async function withConfigTables(page: string): Promise<string> {
  if (!MARKED.test(page)) throw new Error("the page has no marks for the tables of keys");
  return await formatted(page.replace(MARKED, () => configTables()));
}

/** Returns Markdown as `deno fmt` leaves it. */
export async function formatted(markdown: string): Promise<string> {
  await using fmt = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext=md", "--line-width=100", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = fmt.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { success, stdout } = await fmt.output();
  if (!success) throw new Error("deno fmt cannot format the page");
  return new TextDecoder().decode(stdout);
}

/**
 * Returns the tables of docs/configuration.md, made from the schema. Each key has a row with its
 * default, its allowed values and its environment variable.
 */
export function configTables(): string {
  const { python, store, sessions, jobs, files, limits, errors, cors, pools } = configSchema.shape;
  const ofJobs = withoutDefault(jobs);
  if (!(ofJobs instanceof z.ZodObject)) throw new TypeError("the jobs are no object");
  const folder = objectIn(ofJobs.shape["scriptFolders"]);
  const list = withoutDefault(pools);
  const pool = list instanceof z.ZodArray ? withoutDefault(list.element) : undefined;
  if (!(pool instanceof z.ZodObject)) throw new TypeError("the pools are no list of objects");
  const parts = ["python", "heartbeat", "recycle", "limits"].map((key): [string, string] => [
    `pools: ${key}`,
    table(withoutDefault(pool.shape[key])),
  ]);
  const breaker = withoutDefault(pool.shape["breaker"]);
  const retry = withoutDefault(pool.shape["retry"]);
  return [
    ["The top", table(configSchema)],
    ["python", table(withoutDefault(python))],
    ["store", table(withoutDefault(store))],
    ["sessions", table(withoutDefault(sessions))],
    ["jobs", table(ofJobs)],
    ...["retry", "retention", "scripts"].map((key): [string, string] => [
      `jobs: ${key}`,
      table(withoutDefault(ofJobs.shape[key])),
    ]),
    ["jobs: queues", table(objectIn(ofJobs.shape["queues"]))],
    ["jobs: scriptFolders", table(folder)],
    ["jobs: permissions of a folder of scripts", table(objectIn(folder.shape["permissions"]))],
    ["jobs: commands", table(objectIn(ofJobs.shape["commands"]))],
    ["files", table(withoutDefault(files))],
    ["limits", table(withoutDefault(limits))],
    ["errors", table(withoutDefault(errors))],
    ["cors", table(withoutDefault(cors))],
    ["pools", table(pool)],
    ...parts,
    ["breaker, of a pool or a tool", table(breaker)],
    ["retry, of a pool or a tool", table(retry)],
  ].map(([title, rows]) => `### ${title}\n\n${rows}\n`).join("\n");
}

/** Returns the object that a list, a choice or a record of the schema has. */
function objectIn(schema: z.core.$ZodType | undefined): z.ZodObject {
  const inner = schema && withoutDefault(schema);
  if (inner instanceof z.ZodObject) return inner;
  if (inner instanceof z.ZodArray) return objectIn(inner.element);
  if (inner instanceof z.ZodRecord) return objectIn(inner.valueType);
  if (inner instanceof z.ZodUnion) {
    return objectIn(inner.options.find((it) => it instanceof z.ZodObject));
  }
  throw new TypeError("there is no object");
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
