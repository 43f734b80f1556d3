/** Origins that a page may load from and send to: this server alone. */
const POLICY: Readonly<Record<string, string>> = {
  "default-src": "'none'",
  "script-src": "'self'",
  "style-src": "'self'",
  "img-src": "data:",
  "connect-src": "'self'",
  "base-uri": "'none'",
  "form-action": "'none'",
  "frame-ancestors": "'none'",
};

/** A page for browsers. */
export interface PageOptions {
  readonly title: string;
  /** True when requests must have an API key, which the page then asks for. */
  readonly needsKey: boolean;
  /** The path of its program, a module. */
  readonly program: string;
  /** HTML above and below the form for the key. */
  readonly above: string;
  readonly below: string;
}

/** The form for the key; key_form.js shows it. It cannot be sent without that program. */
const KEY_FORM = `<form id="key-form" hidden>
<div id="key-field">
<label for="key">API key</label>
<input id="key" type="password" required autocomplete="off" autocapitalize="none"
  spellcheck="false" aria-describedby="key-help key-problem">
<p id="key-help" class="soft">The key stays in the memory of this page. It is gone when you leave
or reload the page.</p>
</div>
<p id="key-problem" class="bad" role="alert"></p>
<button id="key-button">Open</button>
</form>`;

/** Returns the HTML of a page. */
export function pageOf({ title, needsKey, program, above, below }: PageOptions): string {
  return `<!doctype html>
<html lang="en" data-needs-key="${needsKey}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/pages/page.css">
<script type="module" src="${program}"></script>
</head>
<body>
<div class="page" id="intro">
${above}
<noscript><p class="bad">This page needs JavaScript.</p></noscript>
${KEY_FORM}
</div>
${below}
</body>
</html>
`;
}

/**
 * Returns the headers of a page: a policy by which the browser loads nothing from elsewhere, and
 * shows the page in no frame.
 *
 * @param more Directives that replace those of every page.
 */
export function pageHeaders(
  more: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const policy = Object.entries({ ...POLICY, ...more });
  return {
    "content-security-policy": policy.map((it) => it.join(" ")).join("; "),
    "x-frame-options": "DENY",
  };
}
