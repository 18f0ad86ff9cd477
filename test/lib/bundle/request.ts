import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.ts';

/** A certificate signing request by OpenSSL for a new P-256 key. @returns PEM; `keyFile` gets the private key */
export function request(deviceId: string, keyFile?: (pem: string) => void): string {
  const directory = mkdtempSync(join(tmpdir(), 'request-'));
  try {
    const made = run(
      'openssl',
      [
        'req',
        '-new',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-subj',
        `/CN=${deviceId}`,
      ].concat([...['-keyout', 'key.pem', '-out', 'request.pem']]),
      { cwd: directory },
    );
    if (made.status !== 0) throw new Error(made.output);
    keyFile?.(readFileSync(join(directory, 'key.pem'), 'utf8'));
    return readFileSync(join(directory, 'request.pem'), 'utf8');
  } finally {
    rmSync(directory, { recursive: true });
  }
}
