/** A registry's WWW-Authenticate header. */
type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service: string; readonly scope: string };

const PARAMETER = /([a-z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))/gi;

/** The strongest supported challenge: a bearer token before a password; undefined when there is none. */
export function parseChallenge(header: string): Challenge | undefined {
  const at = header.search(/\bbearer\s/i);
  if (at >= 0) {
    const found = new Map<string, string>();
    for (const [, key = '', quoted, plain] of header.slice(at + 'bearer '.length).matchAll(PARAMETER)) {
      const name = key.toLowerCase();
      if (!found.has(name)) {
        found.set(name, quoted ?? plain ?? '');
      }
    }
    function text(name: string) {
      return found.get(name) ?? '';
    }

    return { scheme: 'bearer', realm: text('realm'), service: text('service'), scope: text('scope') };
  }
  return /\bbasic\b/i.test(header) ? { scheme: 'basic' } : undefined;
}
