import type { FieldIssue } from "../../errors.ts";
import type { JobChoice, JobListOptions } from "../../jobs/mod.ts";
import { nearNames } from "../../near_names.ts";
import { JOB_STATES } from "../../store/mod.ts";
import { PAGE_QUERY, pageOf } from "../sessions/mod.ts";
import { invalidBody } from "../schema/mod.ts";

/** Fields of a choice that take several values. */
const LISTS = ["state", "queue", "kind", "tool", "tag"] as const;
/** Fields of a choice that take one text. */
const TEXTS = ["q"] as const;
const TIMES = ["createdFrom", "createdBefore"] as const;
const PAGE = ["cursor", "limit"] as const;
const KNOWN: readonly string[] = [...LISTS, ...TEXTS, ...TIMES, ...PAGE];

const DESCRIPTIONS: Readonly<Record<typeof LISTS[number], string>> = {
  state: "Jobs in any of these states.",
  queue: "Jobs in any of these queues.",
  kind: "Jobs of any of these kinds.",
  tool: "Jobs of any of these tools.",
  tag: "Jobs with all of these tags. A comma in a tag is written `%2C`.",
};

/** The query of a list of jobs, in an OpenAPI document. */
export const LIST_PARAMETERS = [
  ...LISTS.map((name) => ({
    name,
    in: "query" as const,
    required: false,
    description: `${DESCRIPTIONS[name]} Repeated, or separated by commas.`,
    style: "form" as const,
    explode: true,
    schema: {
      type: "array" as const,
      maxItems: 64,
      items: name === "state"
        ? { type: "string" as const, enum: [...JOB_STATES] }
        : { type: "string" as const, minLength: 1, maxLength: 256 },
    },
  })),
  {
    name: "q",
    in: "query" as const,
    required: false,
    description:
      "Words to search for; a job must match all: the beginning of its id or of a tag, a " +
      "part of the name of its tool, or the beginning of a word of its error. A page may be short " +
      "while it has a cursor.",
    schema: { type: "string" as const, minLength: 1, maxLength: 200 },
  },
  ...TIMES.map((name) => ({
    name,
    in: "query" as const,
    required: false,
    description: name === "createdFrom"
      ? "Jobs that were submitted at this time or later."
      : "Jobs that were submitted before this time.",
    schema: { type: "string" as const, format: "date-time" },
  })),
];

/** The part of the query that describes a page. */
export const JOBS_PAGE_QUERY = PAGE_QUERY;

/** The choice of jobs in a query, still unchecked, and the page of them. */
export interface ListQuery {
  readonly choice: JobChoice;
  readonly page: JobListOptions;
}

/**
 * Returns the choice of jobs that a query describes. The host checks its values.
 *
 * @throws {InvalidInputError} `invalid_input` for fields that are unknown, or given twice.
 */
export function listQueryOf(url: string): ListQuery {
  const fields = new Map<string, string[]>();
  const issues: FieldIssue[] = [];
  for (const { name, raw } of pairsOf(url)) {
    const isList = LISTS.some((it) => it === name);
    if (!KNOWN.includes(name)) issues.push({ path: name, message: unknownText(name) });
    else if (!isList && fields.has(name)) issues.push({ path: name, message: "given twice" });
    else {fields.set(name, [
        ...fields.get(name) ?? [],
        ...(isList ? listOf(name, raw) : [text(raw)]),
      ]);}
  }
  if (issues.length > 0) throw invalidBody(issues);
  const { cursor, limit, ...choice } = Object.fromEntries(
    [...fields].map((
      [name, values],
    ) => [name, LISTS.some((it) => it === name) ? values : values[0]]),
  );
  const one = (it: string | string[] | undefined): { readonly it?: string } =>
    typeof it === "string" ? { it } : {};
  const page = pageOf({ cursor: one(cursor).it, limit: one(limit).it });
  return { choice: choice as JobChoice, page };
}

/** Returns the values of a field; a comma that is part of a tag comes encoded. */
function listOf(name: string, raw: string): string[] {
  return name === "tag" ? raw.split(",").map(text) : text(raw).split(",");
}

function pairsOf(url: string): { readonly name: string; readonly raw: string }[] {
  const start = url.indexOf("?");
  if (start < 0) return [];
  return url.slice(start + 1).split("&").filter((it) => it !== "").map((pair) => {
    const [name = "", ...rest] = pair.split("=");
    return { name: text(name), raw: rest.join("=") };
  });
}

/** Decodes a part of a query as URLSearchParams does, which never throws. */
function text(raw: string): string {
  return new URLSearchParams(`it=${raw}`).get("it") ?? "";
}

function unknownText(name: string): string {
  const near = nearNames(name, KNOWN);
  const hint = near.length > 0
    ? `did you mean ${near.join(" or ")}?`
    : `the fields are ${KNOWN.join(", ")}`;
  return `unknown field of the query; ${hint}`;
}
