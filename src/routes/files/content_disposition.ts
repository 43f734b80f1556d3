/**
 * Returns the header `content-disposition` for a file that is to be saved under a name. Other
 * characters than plain ones are replaced in the name for old clients, and are written as UTF-8 for
 * all others.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
export function attachment(name: string): string {
  const plain = name.replaceAll(/[^ -~]|["\\%]/gu, "_");
  if (plain === name) return `attachment; filename="${plain}"`;
  const encoded = encodeURIComponent(name)
    .replaceAll(/['()*]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
