import { html, type TemplateResult } from 'lit-html';
import { go, placeOf, to } from '../router.ts';
import { icon } from './icons.ts';

/**
 * Where a text leads that was typed or scanned. A scanner types the text and Enter. Labels have the id alone, or a URL that ends
 * with it (IEC 61406-1), such as `https://id.example.com/d/gw-1`.
 * @example
 * searchAddress('AB:CD:…') // devices by certificate, when it has the digits of a serial number or thumbprint
 * searchAddress('gw-00') // devices by the beginning of their id
 */
export function searchAddress(text: string): string {
  const found = lastSegment(text.trim());
  const hex = found.replaceAll(/[:\s]/g, '');
  if (/^[0-9a-f]{24}$/i.test(hex)) return to(`/jobs/${hex.toLowerCase()}`);
  if (/^([0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/i.test(hex)) return to('/devices', { certificate: hex });
  return to('/devices', { idPrefix: found });
}

function lastSegment(text: string): string {
  if (!/^https?:\/\//i.test(text)) return text;
  try {
    const { pathname } = new URL(text);
    return decodeURIComponent(pathname.replace(/\/+$/, '').split('/').at(-1) ?? '');
  } catch {
    // A label that was read wrong: the list says that nothing matches it.
    return text;
  }
}

/** The search of every screen. A text that is exactly one device's id opens that device (screens/devices.ts). */
export function searchBox(): TemplateResult {
  const submit = (event: Event) => {
    event.preventDefault();
    const field = (event.target as HTMLFormElement).elements.namedItem('search') as HTMLInputElement;
    if (field.value.trim() !== '') go(searchAddress(field.value));
    field.select();
  };
  const { query } = placeOf(location);
  return html`<form class="search" role="search" @submit=${submit}>
    ${icon('search')}
    <input
      name="search"
      type="search"
      aria-label="Find a device or job"
      placeholder="Device id, serial number, thumbprint, job"
      autocomplete="off"
      autocapitalize="none"
      spellcheck="false"
      value=${query.get('idPrefix') ?? query.get('certificate') ?? ''}
    />
  </form>`;
}
