import { getCACertificates, setDefaultCACertificates } from 'node:tls';

/** Makes every HTTPS client of this process trust the CA of the emulators, as NODE_EXTRA_CA_CERTS does at start. */
export function trustLocalTls(caPem: string): void {
  setDefaultCACertificates([...getCACertificates('default'), caPem]);
}
