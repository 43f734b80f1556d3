/**
 * Two pools are forked from templates that have loaded a slow module once: one keeps its workers,
 * and one runs each call in a process of its own.
 *
 *     deno task run examples/prefork/main.ts
 */
import { fileURLToPath } from "node:url";
import { runAsScript } from "snakeden";

const shared = {
  adapter: "lexicon",
  modulePaths: [fileURLToPath(new URL(".", import.meta.url))],
  launcher: "prefork" as const,
  preload: ["lexicon"],
};

await runAsScript(async (den) => {
  for (const { name, launcher, template } of den.pools.list()) {
    const how = template === undefined ? "spawned" : `forked from process ${template.pid}`;
    console.log(`${name}: ${launcher}, ${how}`);
  }
  for (const pool of ["kept", "fresh"]) {
    for (const word of ["word7", "word8", "word9"]) {
      const found = await den.execute<Record<string, number>>("look_up", { word }, { pool });
      console.log(`${pool}: ${word} is ${found.number}, looked up: ${found.lookedUp}`);
    }
  }
}, {
  pools: [
    { name: "kept", size: 1, ...shared },
    { name: "fresh", size: 1, isolate: "call", ...shared },
  ],
});
