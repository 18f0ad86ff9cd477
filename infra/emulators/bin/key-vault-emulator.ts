#!/usr/bin/env node
import { join } from 'node:path';
import { oneOf, parseOptions, portNumber, runProgram, wholeNumber } from '../command-line.ts';
import { exitWithParent } from '../exit-with-parent.ts';
import { createKeyVaultEmulator } from '../key-vault/key-vault-emulator.ts';
import { ensureLocalTls } from '../tls.ts';

const usage = `Usage: key-vault-emulator [options]

The keys of an Azure Key Vault over HTTPS on 127.0.0.1.

  --port N      port; 0 takes a free one (default: 8444)
  --state DIR   folder of the keys, one file of mode 0600 per key (default: .local/key-vault)
  --tls DIR     folder of the local TLS CA and server certificate; created if missing (default: .local/tls)
  --sku SKU     standard refuses keys in HSMs (default: premium)
  --delay MS    milliseconds that each request takes longer, as over a network (default: 0)
  -h, --help    show this text

Example: key-vault-emulator --port 8444 --state ./data/key-vault --tls ./data/tls
`;

await runProgram({
  usage,
  read(args) {
    const { port, state, tls, delay, sku } = parseOptions(args, {
      port: { type: 'string', default: '8444' },
      state: { type: 'string', default: '.local/key-vault' },
      tls: { type: 'string', default: '.local/tls' },
      delay: { type: 'string', default: '0' },
      sku: { type: 'string', default: 'premium' },
    });
    const delayMs = wholeNumber('delay', delay, [0, 60_000]);
    const vault = { delayMs, sku: oneOf('sku', sku, ['standard', 'premium']) };
    return { port: portNumber(port), stateDirectory: state, tlsDirectory: tls, vault };
  },
  async start({ port, stateDirectory, tlsDirectory, vault }) {
    exitWithParent();
    const tls = await ensureLocalTls({ directory: tlsDirectory });
    const emulator = createKeyVaultEmulator({ tls, directory: join(stateDirectory, 'keys'), ...vault });
    const { url } = await emulator.listen(port);
    process.stdout.write(`Key Vault ready at ${url} (CA ${tls.caPath})\n`);
    return () => emulator.close();
  },
});
