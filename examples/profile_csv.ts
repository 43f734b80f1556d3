/**
 * Profiles a CSV file with live progress, and leaves no process behind.
 *
 *     deno task run examples/profile_csv.ts FILE
 */
import { runAsScript, SnakedenError } from "snakeden";

interface Profile {
  readonly rows: number;
  readonly columns: readonly { name: string; type: string; missing: number; mean?: number }[];
  readonly warnings: readonly string[];
}

const [path] = Deno.args;
if (path === undefined) {
  console.error("usage: deno task run examples/profile_csv.ts FILE");
  Deno.exit(2);
}

try {
  await runAsScript(async (den, { signal }) => {
    for await (const event of den.stream("profile_csv", { path }, { signal }).events()) {
      if (event.type === "progress") console.error(event.value.jsonText());
      if (event.type !== "done") continue;
      const { rows, columns, warnings } = event.value.decode() as Profile;
      console.log(`${rows} rows`);
      console.table(
        columns.map(({ name, type, missing, mean }) => ({ name, type, missing, mean })),
      );
      for (const warning of warnings) console.error(`warning: ${warning}`);
    }
  });
} catch (error) {
  if (!(error instanceof SnakedenError)) throw error;
  console.error(error.message);
  Deno.exit(1);
}
