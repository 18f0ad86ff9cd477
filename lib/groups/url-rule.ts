import { BlockList, isIP } from 'node:net';

/*
 * The rule for every URL in the definition of an enrollment group. DPS calls the webhook of a custom allocation from inside
 * Azure, and devices call their EST server from inside a plant. A caller who may name any address could make them call
 * services that trust their network (OWASP "Server-side request forgery").
 */

/**
 * Which URLs may name a private address. `none`: no URL. `est`: EST servers, which only devices call. `all`: every URL, and over
 * http too: for emulators on one machine.
 */
export const privateUrls = ['none', 'est', 'all'] as const;
export type PrivateUrls = (typeof privateUrls)[number];

/** The mark that stands for a query that is not shown. */
const redacted = 'redacted';

/** Names that are resolved on one machine or one network only: RFC 6761, RFC 6762, RFC 8375, RFC 9476, ICANN's `internal`. */
const privateSuffixes = ['localhost', 'localdomain', 'local', 'internal', 'intranet', 'lan', 'home.arpa', 'alt'];

/** IPv4 that is not on the internet: https://www.iana.org/assignments/iana-ipv4-special-registry */
const privateIpv4 = subnets('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // The platform of Azure, as every virtual machine sees it:
  // https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
  '168.63.129.16/32',
]);

/** All of IPv6 that is on the internet. IPv4-mapped addresses, NAT64, local and link-local addresses are outside. */
const globalIpv6 = subnets('ipv6', ['2000::/3']);
/** Parts of it that are not: https://www.iana.org/assignments/iana-ipv6-special-registry */
const privateIpv6 = subnets('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']);

/**
 * Says what is wrong with a URL that a caller gave. A name is judged as a name: it is not resolved here, since it can resolve
 * to another address when it is used.
 * @param allowPrivate whether it may name a private address; then http is allowed to such an address
 * @returns undefined for a URL that may be used
 * @example
 * urlIssue('https://allocate.example.com/api?code=abc', { allowPrivate: false }) // undefined
 * urlIssue('https://0x7f.1/', { allowPrivate: false }) // 'is at a private address; …'
 */
export function urlIssue(text: string, { allowPrivate }: { allowPrivate: boolean }): string | undefined {
  // Parsers disagree on spaces, backslashes, and missing or extra slashes, and the URL is used with another parser.
  const [, authority] = /^https?:\/\/([^/\\?#]+)[\x21-\x5b\x5d-\x7e]*$/i.exec(text) ?? [];
  const url = URL.parse(text);
  if (authority === undefined || !/^[\x21-\x7e]+$/.test(authority) || url === null) {
    return 'expected an absolute https URL of printable ASCII characters, without spaces and backslashes';
  }
  if (authority.includes('@')) return 'holds a user name or password; leave them out';
  const isPrivate = isPrivateHost(url.hostname);
  if (url.protocol !== 'https:' && !(isPrivate && allowPrivate)) return 'expected https, which protects what is sent';
  if (isPrivate && !allowPrivate) return 'is at a private address; give a host that is on the internet';
  if (url.search === `?${redacted}`)
    return `has the query "${redacted}", which stands for a query that is not shown; give it in full`;
  return undefined;
}

/** @returns the URL with a mark in place of its query: a webhook's query often holds a function key (`?code=`) */
export function withoutQuery(text: string): string {
  const query = text.indexOf('?');
  return query < 0 ? text : `${text.slice(0, query)}?${redacted}`;
}

/** Whether an IP address, as a name resolves to it, is not on the internet. */
export function isPrivateAddress(address: string): boolean {
  if (isIP(address) === 4) return privateIpv4.check(address);
  return !globalIpv6.check(address, 'ipv6') || privateIpv6.check(address, 'ipv6');
}

/** @param host the host name of a parsed URL: lower case, IPv4 in four decimal parts whatever its form was, IPv6 in brackets */
function isPrivateHost(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0) return isPrivateAddress(address);
  const name = host.replace(/\.+$/, '');
  // A name of one label is found by the search list of the machine that resolves it.
  return !name.includes('.') || privateSuffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`));
}

function subnets(family: 'ipv4' | 'ipv6', prefixes: readonly string[]): BlockList {
  const list = new BlockList();
  for (const prefix of prefixes) {
    const [address = '', length] = prefix.split('/');
    list.addSubnet(address, Number(length), family);
  }
  return list;
}
