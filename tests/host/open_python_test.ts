import assert from "node:assert/strict";
import { parseConfig } from "../../src/config/mod.ts";
import { pythonChoices } from "../../src/host/mod.ts";
import { SetupNotice } from "../../src/host/open_python.ts";
import { FakeClock } from "../fixtures/fakes/fake_clock.ts";

Deno.test("pythonChoices() gives a pool its own python, and the one at the top to the others", () => {
  const config = parseConfig({
    python: { executable: "/top/python", requirements: ["/top.txt"] },
    pools: [
      { name: "top" },
      { name: "empty", python: {} },
      { name: "own", python: { executable: "python3.12" } },
      { name: "private", python: { requirements: ["/pool.txt"] } },
      { name: "bare", python: { requirements: [] } },
    ],
  });
  const top = { executable: "/top/python", requirements: ["/top.txt"] };
  assert.deepEqual(pythonChoices(config), [
    { pool: "top", ...top },
    { pool: "empty", ...top },
    { pool: "own", executable: "python3.12" },
    { pool: "private", requirements: ["/pool.txt"] },
    { pool: "bare", requirements: [] },
  ]);
});

interface SetUp {
  readonly clock: FakeClock;
  readonly notice: SetupNotice;
  readonly written: string[];
}

function setUp({ isWatched = true }: { readonly isWatched?: boolean } = {}): SetUp {
  const clock = new FakeClock();
  const written: string[] = [];
  const notice = new SetupNotice("/app/.snakeden", {
    clock,
    isWatched: () => isWatched,
    write: (text) => written.push(text),
  });
  return { clock, notice, written };
}

Deno.test("SetupNotice tells a person once of a preparation that takes more than two seconds", () => {
  const { clock, notice, written } = setUp();
  notice.onLine("Python 3.13");
  clock.advance(1_999);
  assert.deepEqual(written, []);
  clock.advance(1);
  for (const line of ["Creating", "Installing"]) {
    notice.onLine(line);
    clock.advance(10_000);
  }
  assert.equal(written.length, 1);
  assert.match(
    written[0] ?? "",
    /^snakeden: preparing the Python environment in \/app\/\.snakeden, once; .*\n$/,
  );
});

Deno.test("SetupNotice is silent without a line, after its end, and where nobody watches", () => {
  const none = setUp();
  none.clock.advance(10_000);
  const ended = setUp();
  ended.notice.onLine("Python 3.13");
  ended.notice[Symbol.dispose]();
  ended.clock.advance(10_000);
  assert.equal(ended.clock.pending, 0);
  const unwatched = setUp({ isWatched: false });
  unwatched.notice.onLine("Python 3.13");
  unwatched.clock.advance(10_000);
  assert.deepEqual([...none.written, ...ended.written, ...unwatched.written], []);
});
