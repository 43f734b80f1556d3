/** Tests that the fake works in Node beside the client, with the same classes of errors. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, tempDir } from "../fixtures/host.ts";
import { hasNode } from "../spawn/program.ts";

Deno.test({
  name: "the bundle of snakeden/testing/fake runs in Node, beside that of the client",
  ignore: !hasNode(),
  fn: async () => {
    await using dir = await tempDir();
    const bundled = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--frozen", "--platform=browser", "--code-splitting"],
        `--outdir=${dir.path}`,
        ...["src/client/mod.ts", "src/testing/fake/mod.ts"],
      ],
      cwd: ROOT,
    }).output();
    assert.ok(bundled.success, new TextDecoder().decode(bundled.stderr));
    await Deno.writeTextFile(join(dir.path, "package.json"), '{"type":"module"}');
    await Deno.writeTextFile(
      join(dir.path, "test.js"),
      `import { SnakedenError } from "./client/mod.js";
       import { fakeDen } from "./testing/fake/mod.js";
       const fake = fakeDen({
         add: ({ a, b }) => a + b,
         count: function* ({ n }) { for (let i = 0; i < n; i++) yield i; },
         busy: () => { throw new SnakedenError("server_busy", "on purpose"); },
       });
       const chunks = [];
       for await (const chunk of fake.stream("count", { n: 2 })) chunks.push(chunk);
       const sum = await fake.execute("add", { a: 2n ** 70n, b: 2n ** 70n });
       const busy = await fake.execute("busy").catch((error) => error);
       const unknown = await fake.execute("ad").catch((error) => error);
       console.log(sum === 2n ** 71n, chunks.join(), busy.code);
       console.log(unknown instanceof SnakedenError, unknown.code, fake.calls.length);`,
    );
    const { code, stdout, stderr } = await new Deno.Command("node", {
      args: ["test.js"],
      cwd: dir.path,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const lines = "true 0,1 server_busy\ntrue unknown_tool 4\n";
    assert.equal(new TextDecoder().decode(stdout), lines);
  },
});
