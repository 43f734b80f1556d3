/**
 * Fetches 200 pages at the same time in one worker. Each takes 200 ms to answer.
 *
 *     deno task run examples/async_fetch/main.ts
 */
import { fileURLToPath } from "node:url";
import { runAsScript } from "snakeden";

const here = fileURLToPath(new URL(".", import.meta.url));
const PAGES = 200;

/** A slow server, so that the example needs no network. */
await using server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, onListen: () => {} },
  async () => {
    await new Promise((answer) => setTimeout(answer, 200));
    return new Response("hello");
  },
);
const urls = Array.from({ length: PAGES }, (_, i) => `http://127.0.0.1:${server.addr.port}/${i}`);

await runAsScript(async (den) => {
  const startedAt = performance.now();
  const pages = await Promise.all(
    urls.map((url) => den.execute<{ bytes: number }>("fetch", { url })),
  );
  const bytes = pages.reduce((sum, page) => sum + page.bytes, 0);
  console.log(
    `${pages.length} calls fetched ${bytes} bytes with ${den.workers.list().length} worker`,
  );
  console.log(`one after the other: ${PAGES * 200} ms; together less than that:`);
  console.log(performance.now() - startedAt < PAGES * 200);

  let count = 0;
  for await (const _page of den.stream("fetch_all", { urls })) count++;
  console.log(`one call fetched ${count} pages`);
}, {
  pools: [{
    name: "default",
    profile: "async",
    size: 1,
    concurrencyPerWorker: 500,
    adapter: "pages:Pages",
    modulePaths: [here],
  }],
});
