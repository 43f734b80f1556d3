/** The forms of a file of items. */
export const FORMATS = ["ndjson", "lines", "csv"] as const;

/** The form of a file of items. */
export type Format = typeof FORMATS[number];

/**
 * A place in a file from which items can be read again: a byte at which a line begins, the items
 * behind it that come before this one, and the number of the line at that byte, from 1.
 */
export interface Place {
  readonly offset: number;
  readonly skip: number;
  readonly line: number;
}

/** The beginning of a file. */
export const BEGINNING: Place = { offset: 0, skip: 0, line: 1 };

/** An item, as a file has it. */
export interface ReadItem {
  readonly place: Place;
  /** The item as JSON text; undefined if it cannot be read. */
  readonly json: string | undefined;
  /** The reason why it cannot be read, which names its line. */
  readonly problem?: string;
}

/** The bytes of a file. */
export interface FileBytes {
  readonly bytes: number;
  /** Returns the bytes from `start` on. */
  open(start: number): Promise<AsyncIterable<Uint8Array>>;
}
