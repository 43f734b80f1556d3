/** The ids of sessions, as the source of a regular expression. This file must import nothing. */
export const SESSION_ID_PATTERN = "^[A-Za-z0-9._:-]{1,128}$";

/** The ids of sessions, as an error text states them after "allowed:". */
export const SESSION_ID_RULE = "1 to 128 letters, digits or . _ : -";

const ID = new RegExp(SESSION_ID_PATTERN);

/** Returns true for an id that a session can have. */
export function isSessionId(id: string): boolean {
  return ID.test(id);
}
