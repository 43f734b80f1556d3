import type { JsonObject } from "../../session_row.ts";
import type { Hold } from "../claim.ts";
import type { OutputPart, StoredOutput } from "../job_outputs.ts";
import type { BlobNames } from "./files/mod.ts";

/** The parts that one look at the outputs of a job returns. */
const PARTS_AT_ONCE = 100;

/** The outputs and the checkpoint of a job. */
export class KeptOutputs {
  #parts: Extract<StoredOutput, { readonly kind: "part" }>[] = [];
  #last = 0;
  /** The position of the last part that was dropped. */
  #gone = 0;
  #bytes = 0;
  #checkpoint: JsonObject | undefined;

  get checkpoint(): JsonObject | undefined {
    return this.#checkpoint && copyOf(this.#checkpoint);
  }

  /** The length of all parts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds what a claim brings. */
  add({ outputs = [], checkpoint }: Pick<Hold, "outputs" | "checkpoint">, names: BlobNames): void {
    for (const { items, body } of outputs) {
      this.#parts.push({ kind: "part", seq: ++this.#last, items, body: copyOfBody(body) });
      this.#bytes += bytesOf(body);
      if (!(body instanceof Uint8Array)) names.name(body.sha256);
    }
    if (checkpoint !== undefined) this.#checkpoint = copyOf(checkpoint);
  }

  /** Drops everything; positions go on. */
  drop(names: BlobNames): void {
    for (const { body } of this.#parts) {
      if (!(body instanceof Uint8Array)) names.release(body.sha256);
    }
    this.#parts = [];
    this.#gone = this.#last;
    this.#bytes = 0;
    this.#checkpoint = undefined;
  }

  /** Returns the next parts behind `seq`. */
  after(seq: number): StoredOutput[] {
    if (seq < this.#gone) return [{ kind: "reset", seq: this.#gone }];
    const from = Math.max(0, seq - this.#gone);
    return this.#parts.slice(from, from + PARTS_AT_ONCE)
      .map((it) => ({ ...it, body: copyOfBody(it.body) }));
  }
}

/** Returns the length of the body of a part. */
function bytesOf(body: OutputPart["body"]): number {
  return body instanceof Uint8Array ? body.byteLength : body.bytes;
}

function copyOfBody(body: OutputPart["body"]): OutputPart["body"] {
  return body instanceof Uint8Array ? body.slice() : { ...body };
}

function copyOf(checkpoint: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(checkpoint));
}
