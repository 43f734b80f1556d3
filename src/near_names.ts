/**
 * Returns the Levenshtein distance of two names: the number of characters to insert, delete or
 * replace. Meant for a few dozen characters.
 */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Returns at most `limit` names that are similar to one that was not found, nearest first. */
export function nearNames(wanted: string, names: Iterable<string>, limit = 3): string[] {
  const lower = wanted.slice(0, 64).toLowerCase();
  const allowed = Math.max(2, Math.floor(lower.length / 3));
  return [...new Set(names)]
    .map((name) => ({ name, edits: closeness(lower, name.toLowerCase()) }))
    .filter(({ edits }) => edits <= allowed)
    .sort((a, b) =>
      a.edits - b.edits || beginning(lower, b.name) - beginning(lower, a.name) ||
      a.name.localeCompare(b.name)
    )
    .slice(0, limit)
    .map(({ name }) => name);
}

function closeness(wanted: string, name: string): number {
  if (wanted === name) return 0;
  const long = wanted.length >= 3 && name.length >= 3;
  const contained = long && (name.includes(wanted) || wanted.includes(name));
  return contained ? 1 : distance(wanted, name);
}

/** Returns 1 if one of two names begins with the other, else 0. */
function beginning(wanted: string, name: string): number {
  const other = name.toLowerCase();
  return Number(other.startsWith(wanted) || wanted.startsWith(other));
}

/** Returns the end of an error text: `did you mean "add"?`, or the names that exist. */
export function suggestion(wanted: string, names: Iterable<string>): string {
  const known = [...new Set(names)].sort();
  const near = nearNames(wanted, known);
  if (near.length > 0) return `did you mean ${near.map((it) => `"${it}"`).join(" or ")}?`;
  if (known.length === 0) return "there are none";
  if (known.length === 1) return `there is only ${known[0]}`;
  const shown = known.slice(0, 10).join(", ");
  return known.length > 10
    ? `there are ${shown} and ${known.length - 10} more`
    : `there are ${shown}`;
}
