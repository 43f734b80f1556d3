/** The schema of the tables: a file that may be edited while rows are being checked. */
import { defineTool, type SnakedenOptions } from "snakeden";
import { z } from "zod";

const schema = z.strictObject({
  version: z.int().positive(),
  columns: z.record(
    z.string(),
    z.strictObject({
      type: z.enum(["text", "integer", "number", "date"]),
      required: z.boolean().optional(),
      min: z.number().optional(),
      max: z.number().optional(),
      oneOf: z.array(z.string()).optional(),
    }),
  ),
});

type Schema = z.output<typeof schema>;

/** An edit of the file counts after this time at the latest. */
const MAX_AGE_MS = 100;

/** Returns the host tool that answers the schema in the file at `path`. */
export function tableSchema(path: string): NonNullable<SnakedenOptions["hostTools"]>[number] {
  let current: Promise<Schema> | undefined;
  let readAt = 0;
  return defineTool({
    name: "table_schema",
    description: "Answers the version of the schema; its columns too, if the caller has others.",
    input: z.object({ known: z.int().nullable() }),
    expose: ["default"],
    async run({ known }): Promise<{ version: number; columns?: Schema["columns"] }> {
      if (current === undefined || performance.now() - readAt > MAX_AGE_MS) {
        readAt = performance.now();
        current = read(path, current);
      }
      const { version, columns } = await current;
      return version === known ? { version } : { version, columns };
    },
  });
}

/** Reads the schema. While the file is wrong, as in the middle of an edit, the last one holds. */
async function read(path: string, last: Promise<Schema> | undefined): Promise<Schema> {
  try {
    return schema.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch (error) {
    if (last === undefined) throw error;
    console.error(`${path}: ${error instanceof Error ? error.message : error}`);
    return await last;
  }
}
