/** The record that a worker keeps of a bulk call, for a host that survives it. */
export interface BulkNote {
  /** The number of the call on the link. */
  readonly callId: number;
  /** The item that began last; undefined before the first. */
  readonly item: number | undefined;
  /** Outcomes of items that have ended, and may not have arrived. */
  readonly areas: readonly BulkArea[];
}

/** Outcomes that stand one after the other, each with a separator behind it. */
export interface BulkArea {
  /** The item of the first one. */
  readonly first: number;
  readonly text: string;
}

/** The place where a worker keeps its records, one for each bulk call that it runs. */
export interface BulkRecord extends Disposable {
  /** Reads the record of a bulk call; undefined if the worker has none, or uses it for another. */
  bulkNote(callId: number): BulkNote | undefined;
  /** Reads all records that the worker has used. */
  bulkNotes(): readonly BulkNote[];
}
