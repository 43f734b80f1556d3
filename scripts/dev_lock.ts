/**
 * The option of `deno` commands that run or check tests. The packages that only tests use are in
 * tests/packages, and locked in tests/deno.lock: the first start of a server fetches every package
 * that deno.lock lists.
 */
export const DEV_LOCK = "--lock=tests/deno.lock";
