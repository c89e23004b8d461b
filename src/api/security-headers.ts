/**
 * Sent with every reply: nothing is loaded from elsewhere, nothing of ours is shown or read elsewhere. `frameAncestors` are the
 * origins that may show the dashboard in a frame; none: nobody.
 *
 * @see https://www.w3.org/TR/CSP3/
 */
export function securityHeaders(options: { readonly frameAncestors: readonly string[]; readonly https: boolean }): Record<string, string> {
  const ancestors = options.frameAncestors.length === 0 ? "'none'" : options.frameAncestors.join(' ');
  return {
    'content-security-policy': [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data:",
      "connect-src 'self'",
      "font-src 'self'",
      "manifest-src 'self'",
      "base-uri 'self'",
      "form-action 'self'",
      `frame-ancestors ${ancestors}`,
    ].join('; '),
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
    ...(options.https ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}
