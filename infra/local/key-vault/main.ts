import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dieWithParent } from '../die-with-parent.ts';
import { ensureLocalTls } from '../tls.ts';
import { createKeyVaultStandIn } from './key-vault-stand-in.ts';

/* The Key Vault stand-in as a process of its own: `node infra/local/key-vault/main.ts --port 8444 --state .local/key-vault`. */

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8444' },
    state: { type: 'string', default: '.local/key-vault' },
    tls: { type: 'string', default: '.local/tls' },
  },
});

dieWithParent();
const tls = await ensureLocalTls({ directory: values.tls });
const standIn = createKeyVaultStandIn({ tls, directory: join(values.state, 'keys') });
const { url } = await standIn.listen(Number(values.port));

const stop = () => void standIn.close().then(() => process.exit(0));
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.stdout.write(`ready: Key Vault on ${url}; its TLS certificate is ${tls.caPath}\n`);
