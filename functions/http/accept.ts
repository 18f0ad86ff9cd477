/**
 * Whether a client that takes JSON and CSV prefers JSON (RFC 9110 12.5.1). CSV wins a tie: clients that accept anything, and
 * those that list JSON first without a weight, got CSV from earlier versions.
 * @param accept the header Accept; longer than 1,000 characters counts as absent
 * @example
 * prefersJson('application/json') // true
 * prefersJson('application/json, text/plain, *\/*') // false, which is what axios sends to everything
 */
export function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.length > 1000) return false;
  const ranges = accept.toLowerCase().split(',').map(rangeOf);
  const weightOf = (...types: readonly string[]) => {
    // The most specific range that is there decides.
    const found = types.map((type) => ranges.find((range) => range.type === type)).find((range) => range !== undefined);
    return found?.weight ?? 0;
  };
  const json = weightOf('application/json', 'application/*', '*/*');
  return json > weightOf('text/csv', 'text/*', '*/*');
}

function rangeOf(text: string): { readonly type: string; readonly weight: number } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim());
  const weight = parameters.map((parameter) => /^q=([01](?:\.\d{0,3})?)$/.exec(parameter)?.[1]);
  return { type, weight: Number(weight.find((value) => value !== undefined) ?? 1) };
}
