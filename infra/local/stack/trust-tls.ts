import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes every TLS client of this process trust the emulators' CA. NODE_EXTRA_CA_CERTS does the same for a new process. */
export function trustTls(caPem: string): void {
  const trusted = getCACertificates('default');
  if (!trusted.includes(caPem)) setDefaultCACertificates([...trusted, caPem]);
}
