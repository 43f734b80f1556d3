import assert from "node:assert/strict";
import { Alarms } from "../../../../src/async/alarms.ts";
import { OutputEnd, type OutputSink } from "../../../../src/pool/calls/output_sink.ts";
import {
  type PrintingAttempt,
  WorkerOutput,
} from "../../../../src/pool/workers/output/worker_output.ts";
import { FakeClock } from "../../../fixtures/fakes/fake_clock.ts";

/** A call that keeps its output, and its attempt. */
class Kept implements PrintingAttempt {
  readonly lines: string[] = [];
  room: Promise<void> | undefined;
  readonly call: { readonly number: number; readonly output: OutputSink };
  #end = new OutputEnd(3, 0);

  constructor(number: number) {
    const { lines } = this;
    const roomOf = (): Promise<void> | undefined => this.room;
    const output: OutputSink = {
      line: (text, from) => void lines.push(`${from} ${text}`),
      entry: ({ message }) => void lines.push(`log ${message}`),
      get room(): Promise<void> | undefined {
        return roomOf();
      },
    };
    this.call = { number, output };
  }

  get read(): Promise<void> {
    return this.#end.read;
  }

  get isOutputRead(): boolean {
    return this.#end.isRead;
  }

  outputEnded(pipe: "stdout" | "stderr"): void {
    this.#end.ended(pipe);
  }

  giveUpOutput(): void {
    this.#end.giveUp();
  }
}

function withOutput(work: (output: WorkerOutput, inFlight: Map<number, Kept>) => void): void {
  using alarms = new Alarms(new FakeClock());
  const inFlight = new Map<number, Kept>();
  const find = (number: number): Kept | undefined => inFlight.get(number);
  work(new WorkerOutput({ id: "default-1", callPrefix: "", find }, alarms), inFlight);
}

Deno.test("WorkerOutput hands each call its own lines and entries, and nobody the others", () => {
  withOutput((output, inFlight) => {
    const [a, b] = [new Kept(1), new Kept(2)];
    inFlight.set(1, a).set(2, b);
    const { onLine } = output.listeners;
    for (const [owner, text] of [[1, "a"], [0, "nobody"], [2, "b"], [-1, "start"], [1, "a2"]]) {
      onLine({ owner: Number(owner), text: String(text) }, "stdout");
    }
    const entry = { level: 20, logger: "x", message: "entry", time: 0, callId: 2, dropped: 0 };
    output.entry(entry);
    output.entry({ ...entry, callId: 9 });
    assert.deepEqual(a.lines, ["stdout a", "stdout a2"]);
    assert.deepEqual(b.lines, ["stdout b", "log entry"]);
  });
});

Deno.test("WorkerOutput hands lines to an answered call until both pipes have its end", () => {
  withOutput((output, inFlight) => {
    const a = new Kept(1);
    inFlight.set(1, a);
    output.awaitEnd(a);
    inFlight.delete(1);
    const { onLine, onOutputEnd } = output.listeners;
    onOutputEnd(1, "stdout");
    onLine({ owner: 1, text: "late" }, "stderr");
    assert.equal(a.isOutputRead, false);
    onOutputEnd(1, "stderr");
    assert.equal(a.isOutputRead, true);
    onLine({ owner: 1, text: "too late" }, "stderr");
    assert.deepEqual(a.lines, ["stderr late"]);
  });
});

Deno.test("WorkerOutput.close() ends all waits, and hands a dump to the only call that ran", async () => {
  const [a, b] = [new Kept(1), new Kept(2)];
  withOutput((output) => {
    output.awaitEnd(a);
    output.close([b], ["Fatal Python error: Aborted"]);
  });
  await a.read;
  assert.deepEqual([a.lines, b.lines], [[], ["stderr Fatal Python error: Aborted"]]);
  withOutput((output) => output.close([a, b], ["Fatal Python error: Aborted"]));
  assert.deepEqual(a.lines, []);
});

Deno.test("WorkerOutput asks for room the call that wrote last", () => {
  withOutput((output, inFlight) => {
    const a = new Kept(1);
    inFlight.set(1, a);
    a.room = Promise.resolve();
    const { onLine, room } = output.listeners;
    assert.equal(room(), undefined);
    onLine({ owner: 1, text: "a" }, "stdout");
    assert.equal(room(), a.room);
  });
});

Deno.test("OutputEnd is read when each marked pipe has ended, in any order", () => {
  assert.equal(new OutputEnd(3, 3).isRead, true);
  assert.equal(new OutputEnd(0, 0).isRead, true);
  const end = new OutputEnd(2, 1);
  end.ended("stdout");
  assert.equal(end.isRead, false);
  end.ended("stderr");
  assert.equal(end.isRead, true);
});
