import type { End, Hold, StoredOutput } from "../../store/mod.ts";
import { byteParts, packBytes, type PackedBytes } from "./byte_parts.ts";

/** The outputs that one hold or end of a message brings; few have some. */
export interface PackedOutputs {
  /** The index of the hold in its message. */
  readonly at: number;
  readonly parts: readonly PackedPart[];
  /** The bodies of the parts; that of a blob is empty. */
  readonly bodies: PackedBytes;
  /** JSON. */
  readonly checkpoint: string | null;
  /** True for an end whose result the outputs are. */
  readonly areResult: boolean;
}

/** A part, without its bytes. */
export interface PackedPart {
  readonly items: number;
  readonly bytes: number;
  readonly sha256: string | null;
}

/** A page of outputs. `isOver`: no further part follows, since the job has ended, or is gone. */
export interface OutputPage {
  readonly parts: readonly StoredOutput[];
  readonly hasMore: boolean;
  readonly isOver: boolean;
}

/** Returns the outputs of holds or ends; undefined if none has any, as most have not. */
export function packOutputs(
  items: readonly (Pick<Hold, "outputs" | "checkpoint"> & Partial<Pick<End, "outcome">>)[],
): readonly PackedOutputs[] | undefined {
  let packed: PackedOutputs[] | undefined;
  for (const [at, { outputs, checkpoint, outcome }] of items.entries()) {
    const areResult = outcome?.type === "completed" && "outputs" in outcome.result;
    if (outputs === undefined && checkpoint === undefined && !areResult) continue;
    (packed ??= []).push({
      at,
      parts: (outputs ?? []).map(({ items, body }) =>
        body instanceof Uint8Array
          ? { items, bytes: body.byteLength, sha256: null }
          : { items, bytes: body.bytes, sha256: body.sha256 }
      ),
      bodies: packBytes(
        (outputs ?? []).map(({ body }) => body instanceof Uint8Array ? body : undefined),
      ),
      checkpoint: checkpoint === undefined ? null : JSON.stringify(checkpoint),
      areResult,
    });
  }
  return packed;
}

/** Returns the bodies of parts, in order. */
export function bodiesOf({ bodies }: PackedOutputs): Uint8Array[] {
  return byteParts(bodies);
}
