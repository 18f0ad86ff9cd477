import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { someAuthority } from './some-authority.ts';

const run = promisify(execFile);
const newKey = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/** Issues as scripts do, by one or three openssl processes per device. @returns key and certificate, PEM, in one text */
export async function createOpensslIssuer() {
  const { certificatePem, privateKeyPem } = await someAuthority();
  const directory = mkdtempSync(join(tmpdir(), 'bench-openssl-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string) => join(directory, name);
  writeFileSync(file('ca.pem'), certificatePem);
  writeFileSync(file('ca-key.pem'), privateKeyPem, { mode: 0o600 });
  const extensions = [
    'keyUsage=critical,digitalSignature',
    'extendedKeyUsage=clientAuth',
    'basicConstraints=critical,CA:FALSE',
  ];
  writeFileSync(file('leaf.cnf'), extensions.join('\n'));
  const issuer = ['-CA', file('ca.pem'), '-CAkey', file('ca-key.pem'), '-days', '365'];

  return {
    /** `openssl req -x509 -newkey … -CA …`: one process, possible since OpenSSL 3.0. */
    async inOneProcess(deviceId: string): Promise<string> {
      const { stdout } = await run('openssl', [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-subj',
          `/CN=${deviceId}`,
        ],
        ...[...extensions.flatMap((extension) => ['-addext', extension]), ...issuer, '-keyout', '-'],
      ]);
      return stdout;
    },
    /** genpkey, req, x509: the three commands that most guides show. */
    async inThreeProcesses(deviceId: string): Promise<string> {
      const [key, request] = [file('device.key'), file('device.csr')];
      await run('openssl', ['genpkey', ...newKey, '-out', key]);
      await run('openssl', ['req', '-new', '-key', key, '-subj', `/CN=${deviceId}`, '-out', request]);
      const { stdout } = await run('openssl', [
        'x509',
        '-req',
        '-in',
        request,
        ...issuer,
        '-extfile',
        file('leaf.cnf'),
      ]);
      return (await readFile(key, 'utf8')) + stdout;
    },
  };
}
