/** Four workers for the rows, and the schema as a tool of the host. */
import { defineConfig } from "snakeden";
import { tableSchema } from "./table_schema.ts";

const folder = import.meta.dirname ?? ".";

export default defineConfig({
  pools: [{ name: "default", size: 4, adapter: "inbox", modulePaths: [folder] }],
  hostTools: [tableSchema(Deno.env.get("TABLE_SCHEMA") ?? `${folder}/schema.json`)],
});
