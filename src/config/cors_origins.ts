import type { FieldIssue } from "../errors.ts";

/** The form of an origin whose scheme is not HTTP, such as that of a browser extension. */
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/;

/** Checks the origins of `cors`, one by one, by what a browser would send in `Origin`. */
export function corsIssues(
  origins: unknown,
  { hasKey }: { readonly hasKey: boolean },
): FieldIssue[] {
  if (!Array.isArray(origins)) return [];
  return origins.flatMap((origin: unknown, i) => {
    if (typeof origin !== "string") return [];
    const problem = origin === "*"
      ? anyOriginProblem({ isAlone: origins.length === 1, hasKey })
      : originProblem(origin);
    if (problem === undefined) return [];
    return [{ path: `cors.origins[${i}]`, message: `given ${JSON.stringify(origin)}${problem}` }];
  });
}

function anyOriginProblem(
  { isAlone, hasKey }: { readonly isAlone: boolean; readonly hasKey: boolean },
): string | undefined {
  if (!isAlone) return " beside other origins; allowed: alone, or a list of origins without it";
  if (hasKey) return undefined;
  return " without an apiKey, which is refused: any web page in a browser of this machine could " +
    "run code here; allowed: together with apiKey, or a list of origins";
}

function originProblem(origin: string): string | undefined {
  const example = "allowed: an origin in full, such as https://app.example.com";
  if (origin === "null") {
    return `, which is what local files and sandboxed pages of any site send; ${example}`;
  }
  if (origin.includes("*")) return `, which has a wildcard; ${example}`;
  const url = URL.parse(origin);
  if (url === null || !origin.includes("://")) return `, which is no origin; ${example}`;
  if (!/^https?:$/.test(url.protocol)) {
    return OTHER_ORIGIN.test(origin) ? undefined : `, which is no origin; ${example}`;
  }
  if (url.origin === origin) return undefined;
  return `, which ${differenceOf(url, origin)}; allowed: ${JSON.stringify(url.origin)}`;
}

function differenceOf({ username, password, pathname, search, hash }: URL, text: string): string {
  if (username !== "" || password !== "") return "has a user name";
  if (search !== "" || hash !== "" || /[?#]/.test(text)) return "has a query or a fragment";
  if (pathname !== "/" || text.endsWith("/")) return "has a path";
  return "is not how browsers write this origin";
}
