/**
 * Permissions without questions: where a permission may be missing, the code asks here first, since
 * Deno would ask the person at the terminal.
 */

/** Returns true when the program has the permission, wholly or for what `permission` names. */
export function isGranted(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/**
 * Returns a variable of this process. A variable that the program may not read counts as not set,
 * so that a program that embeds Snakeden needs no more permissions than it uses.
 */
export function readVariable(variable: string): string | undefined {
  return isGranted({ name: "env", variable }) ? Deno.env.get(variable) : undefined;
}
