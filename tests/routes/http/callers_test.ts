import { resetSync } from "@logtape/logtape";
import assert from "node:assert/strict";
import { configureLogging, type LogEntry } from "../../../src/log.ts";
import { type Caller, Callers } from "../../../src/routes/http/callers.ts";
import type { ConnectionState } from "../../../src/routes/http/connections.ts";
import { until } from "../../fixtures/until.ts";

const END = "0100007F:1F90";
const SENDER = { remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 8080 } } as const;

function request(signal: AbortSignal = new AbortController().signal): Request {
  return new Request("http://localhost/", { signal });
}

/** A caller that is old enough to be looked at. */
function oldCaller(callers: Callers, sender?: Parameters<Callers["open"]>[1]): Caller {
  const caller = callers.open(request(), sender);
  caller.since = -Infinity;
  return caller;
}

for (const starts of [false, true]) {
  Deno.test(`Callers let a caller leave whose request is cancelled, unless its call has ended (${starts ? "" : "not "}started)`, async () => {
    using callers = new Callers();
    if (starts) callers.start();
    const leaving = new AbortController();
    using caller = callers.open(request(leaving.signal), SENDER);
    using answered = callers.open(request(leaving.signal), SENDER);
    answered.close();
    leaving.abort();
    await until(() => caller.signal.aborted, "it to leave");
    assert.equal(caller.signal.reason.name, "AbortError");
    assert.equal(answered.signal.aborted, false);
  });
}

Deno.test("Callers.check() lets a caller leave whose connection is closed, or missing twice in a row", async () => {
  const looks: (ConnectionState | undefined)[] = [
    "open",
    undefined,
    "open",
    undefined,
    undefined,
    "closed",
  ];
  using callers = new Callers();
  let count = 0;
  callers.watch({
    statesOf: (ends) => {
      assert.deepEqual(ends, [END]);
      const state = looks[count++];
      return Promise.resolve(new Map(state === undefined ? [] : [[END, state]]));
    },
  });
  for (const seen of [5, 6]) {
    using caller = oldCaller(callers, SENDER);
    using noNetwork = oldCaller(callers);
    using young = callers.open(request(), SENDER);
    young.since = Infinity;
    await until(() => {
      callers.check();
      return caller.signal.aborted;
    }, "it to leave");
    assert.equal(count, seen);
    assert.equal(noNetwork.signal.aborted || young.signal.aborted, false);
  }
});

Deno.test("Callers.check() begins no look while one is under way, and logs the first failure", async () => {
  const entries: LogEntry[] = [];
  configureLogging({ level: "debug", onEntry: (entry) => entries.push(entry) });
  try {
    using callers = new Callers();
    const look = Promise.withResolvers<ReadonlyMap<string, ConnectionState>>();
    let count = 0;
    callers.watch({
      statesOf: () => {
        count++;
        return look.promise;
      },
    });
    callers.check();
    assert.equal(count, 0, "there is nobody to look at");
    using caller = oldCaller(callers, SENDER);
    callers.check();
    callers.check();
    assert.equal(count, 1);
    look.reject(new Deno.errors.NotFound("no grep"));
    await until(() => entries.length > 0, "an entry");
    callers.check();
    assert.equal(count, 1, "a pause follows");
    assert.deepEqual([entries.length, entries[0]?.level], [1, "debug"]);
    assert.match(String(entries[0]?.message), /cannot see which clients have left.*no grep/);
    assert.equal(caller.signal.aborted, false);
  } finally {
    resetSync();
  }
});
