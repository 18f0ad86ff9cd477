import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OpensslCertificate {
  readonly pem: string;
  readonly keyPem: string;
}

export interface OpensslRequest {
  readonly subject?: string;
  /** `ec`, `rsa-BITS`, or an existing key in PEM. */
  readonly key?: string | { readonly pem: string };
  /** Self-signed when absent. */
  readonly issuer?: OpensslCertificate;
  /** Lines of an extension section, such as `basicConstraints=critical,CA:TRUE`. */
  readonly extensions?: readonly string[];
  readonly days?: number;
  /** Signs this PKCS#10 request. */
  readonly requestPem?: string;
  readonly digest?: string;
}

export const caExtensions = (pathLength?: number): string[] => [
  `basicConstraints=critical,CA:TRUE${pathLength === undefined ? '' : `,pathlen:${pathLength}`}`,
  'keyUsage=critical,keyCertSign,cRLSign',
  'subjectKeyIdentifier=hash',
];

/** A CA of another PKI, run by the OpenSSL command, so that our code does not check its own work. */
export function createOpensslCa() {
  const directory = mkdtempSync(join(tmpdir(), 'openssl-ca-'));
  let files = 0;
  const file = (content?: string): string => {
    files += 1;
    const path = join(directory, `${files}`);
    if (content !== undefined) writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const openssl = (...args: readonly string[]): string =>
    execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  return {
    openssl,
    file,

    issue(request: OpensslRequest): OpensslCertificate {
      const {
        subject = '/CN=Some CA',
        key = 'ec',
        issuer,
        extensions = caExtensions(),
        days = 3650,
        digest = 'sha256',
      } = request;
      const keyPath = file();
      if (typeof key === 'object') writeFileSync(keyPath, key.pem);
      else if (key === 'ec')
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', keyPath);
      else
        openssl(
          'genpkey',
          '-algorithm',
          'RSA',
          '-pkeyopt',
          `rsa_keygen_bits:${key.replace('rsa-', '')}`,
          '-out',
          keyPath,
        );
      const requestPath = request.requestPem === undefined ? file() : file(request.requestPem);
      if (request.requestPem === undefined)
        openssl('req', '-new', '-key', keyPath, '-subj', subject, '-out', requestPath);
      const certificatePath = file();
      const signer =
        issuer === undefined
          ? ['-key', keyPath]
          : ['-CA', file(issuer.pem), '-CAkey', file(issuer.keyPem), '-CAcreateserial'];
      const extensionPath = file(extensions.join('\n'));
      openssl(
        ...['x509', '-req', '-in', requestPath, `-${digest}`, '-days', String(days), '-extfile', extensionPath],
        ...[...signer, '-out', certificatePath],
      );
      return { pem: readFileSync(certificatePath, 'utf8'), keyPem: readFileSync(keyPath, 'utf8') };
    },

    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
