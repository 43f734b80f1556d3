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

/** The place where a worker keeps its record. */
export interface BulkRecord extends Disposable {
  /** Reads the record of the bulk call that began last; undefined before the first. */
  bulkNote(): BulkNote | undefined;
}
