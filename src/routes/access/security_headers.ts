/**
 * Adds to a response what keeps browsers from guessing its type, from storing it unless it says so
 * itself, and from telling other sites its address. src/routes/pages
 * adds the policy of a page.
 */
export function secure(headers: Headers): void {
  headers.set("x-content-type-options", "nosniff");
  headers.set("referrer-policy", "no-referrer");
  if (!headers.has("cache-control")) headers.set("cache-control", "no-store");
}
