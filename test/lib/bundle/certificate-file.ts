import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';

/** A certificate made by another program, and its key. */
export interface CertificateFile {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/**
 * Makes a self-signed certificate with OpenSSL.
 * @param key arguments of `openssl req` for its key, such as `rsa:2048`
 * @param extension of the certificate, such as `keyUsage=keyEncipherment`
 */
export function certificateFile(key: readonly string[], extension?: string, days = 30): CertificateFile {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'));
  try {
    const made = run(
      'openssl',
      [
        ...['req', '-x509', '-nodes', '-subj', '/O=Line 7/CN=technician', '-days', String(days)],
        ...['-newkey', ...key, '-keyout', 'key.pem', '-out', 'certificate.pem'],
        ...(extension === undefined ? [] : ['-addext', extension]),
      ],
      { cwd: directory },
    );
    if (made.status !== 0) throw new Error(made.output);
    return {
      certificatePem: readFileSync(join(directory, 'certificate.pem'), 'utf8'),
      keyPem: readFileSync(join(directory, 'key.pem'), 'utf8'),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const onCurve = (curve: string) => ['ec', '-pkeyopt', `ec_paramgen_curve:${curve}`] as const;
