import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { type Certificate, parseCertificate } from './certificate.ts';

/** OpenSSL takes up to 100 certificates in a handshake; nothing in DPS's rules reaches beyond the first few. */
const maxPresented = 16;

/** What the client showed in the handshake, leaf first; empty when it showed nothing, or nothing readable. */
export function presentedChain(socket: TLSSocket): Certificate[] {
  const chain: Certificate[] = [];
  const seen = new Set<DetailedPeerCertificate>();
  let each: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate at the top names itself as its issuer.
  while (each?.raw && !seen.has(each) && chain.length < maxPresented) {
    seen.add(each);
    try {
      chain.push(parseCertificate(each.raw));
    } catch {
      break;
    }
    each = each.issuerCertificate;
  }
  return chain;
}
