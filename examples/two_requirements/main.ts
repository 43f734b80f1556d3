/**
 * Two pools run the same adapter with different versions of one package.
 *
 *     deno task run examples/two_requirements/main.ts
 *
 * The first run builds an environment for each pool, side by side.
 */
import { fileURLToPath } from "node:url";
import { PythonError, runAsScript } from "snakeden";

const here = fileURLToPath(new URL(".", import.meta.url));
const names = ["classic", "modern"];

await runAsScript(async (den) => {
  for (const pool of names) {
    const version = await den.execute<string>("installed", {}, { pool });
    try {
      // Since version 22, `packaging` refuses what is not a version.
      const versions = ["1.10", "1.9", "final"];
      const sorted = await den.execute<string[]>("sort_versions", { versions }, { pool });
      console.log(`${pool}, packaging ${version}: ${sorted.join(", ")}`);
    } catch (error) {
      if (!(error instanceof PythonError)) throw error;
      console.log(`${pool}, packaging ${version}: ${error.python.message}`);
    }
  }
}, {
  pools: names.map((name) => ({
    name,
    size: 1,
    adapter: "releases",
    modulePaths: [here],
    python: { requirements: [`${here}${name}.txt`] },
  })),
  onSetupProgress: (line) => console.error(line),
});
