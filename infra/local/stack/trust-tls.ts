import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes every TLS client of this process trust the stand-ins' CA, as NODE_EXTRA_CA_CERTS does for a process to come. */
export function trustTls(caPem: string): void {
  const trusted = getCACertificates('default');
  if (!trusted.includes(caPem)) setDefaultCACertificates([...trusted, caPem]);
}
