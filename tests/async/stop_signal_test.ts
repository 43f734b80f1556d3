import assert from "node:assert/strict";
import { LoneSignal, type StopListener } from "../../src/async/mod.ts";

function counting(): StopListener & { calls: number } {
  return {
    calls: 0,
    handleEvent(): void {
      this.calls++;
    },
  };
}

Deno.test("LoneSignal calls its listener once, after it has the first reason", () => {
  const signal = new LoneSignal();
  const listener = counting();
  signal.addEventListener("abort", listener);
  signal.abort("first");
  signal.abort("second");
  assert.deepEqual([signal.aborted, signal.reason, listener.calls], [true, "first", 1]);
});

Deno.test("LoneSignal does not call a listener that was removed, and takes another one", () => {
  const signal = new LoneSignal();
  const [removed, other] = [counting(), counting()];
  signal.addEventListener("abort", removed);
  assert.throws(() => signal.addEventListener("abort", other), /has a listener/);
  signal.removeEventListener("abort", other);
  signal.removeEventListener("abort", removed);
  signal.addEventListener("abort", other);
  signal.abort("why");
  assert.deepEqual([removed.calls, other.calls], [0, 1]);
});
