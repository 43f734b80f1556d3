/** The mark that stands in a text in place of its middle. */
const MARK = / … (\d+) characters left out … /g;
/** The most characters of a mark. */
const MARK_CHARS = 60;

/**
 * Returns a text without its middle if it has more than `maxChars` characters: the first three
 * quarters of these, the number of characters that are left out, and the last quarter. Cuts no pair
 * of surrogates. A text whose middle was left out before is cut at the same place, and what is
 * missing there is counted too.
 */
export function withoutMiddle(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text;
  const tail = Math.floor(maxChars / 4);
  let [start, end] = [maxChars - tail, text.length - tail];
  let before = 0;
  MARK.lastIndex = Math.max(0, start - MARK_CHARS);
  for (let mark = MARK.exec(text); mark !== null && mark.index < end; mark = MARK.exec(text)) {
    if (MARK.lastIndex <= start) continue;
    start = Math.min(start, mark.index);
    end = Math.max(end, MARK.lastIndex);
    before += Number(mark[1]) - mark[0].length;
  }
  return joined(text.slice(0, start), end - start + before, text.slice(end));
}

/** Joins the beginning and the end of a text around the number of characters between them. */
export function joined(head: string, leftOut: number, tail: string): string {
  const isHeadCut = isPairCut(head.charCodeAt(head.length - 1), 0xd800);
  const isTailCut = isPairCut(tail.charCodeAt(0), 0xdc00);
  const count = leftOut + Number(isHeadCut) + Number(isTailCut);
  return `${isHeadCut ? head.slice(0, -1) : head} … ${count} characters left out … ${
    isTailCut ? tail.slice(1) : tail
  }`;
}

/** Returns true for one of the surrogates that begin at `first`. */
function isPairCut(code: number, first: number): boolean {
  return code >= first && code < first + 0x400;
}
