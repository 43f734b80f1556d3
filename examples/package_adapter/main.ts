/**
 * Calls the tools of a package.
 *
 *     deno task run examples/package_adapter/main.ts
 */
import { fileURLToPath } from "node:url";
import { runAsScript } from "snakeden";

const here = fileURLToPath(new URL(".", import.meta.url));

await runAsScript(async (den) => {
  console.log("tools:", den.tools.list().map((it) => it.name).join(", "));
  const text = "Anna saw the level of the radar";
  console.log("longest:", await den.execute("longest", { text }));
  for await (const word of den.stream("palindromes", { text })) console.log("palindrome:", word);
  console.log("mean:", await den.execute("mean", { values: [1, 2, 6] }));
  // One worker, so there is one count.
  await den.execute("count", { values: [1, 2, 6] });
  console.log("count:", await den.execute("count", { values: [7] }));
}, {
  pools: [{ name: "default", size: 1, adapter: "mytools", modulePaths: [here] }],
});
