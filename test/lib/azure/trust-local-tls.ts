import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes every HTTPS client of this process trust the CA of local stand-ins, as NODE_EXTRA_CA_CERTS does for a new one. */
export function trustLocalTls(caPem: string): void {
  setDefaultCACertificates([...getCACertificates('default'), caPem]);
}
