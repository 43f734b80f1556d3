/** Serves `POST /echo` with a bare Hono on Deno.serve: no validation, no Python. */
import { Hono } from "hono";

const app = new Hono().post("/echo", async (c) => c.json(await c.req.json()));

if (import.meta.main) {
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`listening on http://127.0.0.1:${port}`),
  }, app.fetch);
  // The bench has ended when stdin ends.
  for await (const _ of Deno.stdin.readable);
  Deno.exit();
}
