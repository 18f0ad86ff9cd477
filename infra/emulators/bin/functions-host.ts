#!/usr/bin/env node
import { resolve } from 'node:path';
import { oneOf, parseOptions, portNumber, runProgram, UsageError, wholeNumber } from '../command-line.ts';
import { exitWithParent } from '../exit-with-parent.ts';
import { type HostLog, startFunctionsHost } from '../functions-host/functions-host.ts';
import { ensureLocalTls } from '../tls.ts';

const usage = `Usage: functions-host [options]

Runs a built Azure Functions app (Node.js programming model v4). App settings come from the environment, as in Azure.

  --app DIR           app folder with host.json and package.json, whose "main" is a file or a glob (default: .)
  --port N            HTTP port on 127.0.0.1; 0 takes a free one (default: 7071)
  --state DIR         folder of the timers' status (default: .local/host)
  --key TEXT          host key: opens every function of level "function" (default: local-function-key)
  --function-key NAME=TEXT
                      key of one function of level "function"; may be repeated
  --master-key TEXT   key for functions of level "admin" and for /admin (default: local-master-key)
  --lease SECONDS     how long a received queue message stays hidden, from 1; a shorter time shows sooner what follows a crash
                      (default: 600, as in Azure)
  --pass-principal    pass the header x-ms-client-principal of callers to the functions, so that a test can act as any user
  --tls DIR           serve HTTPS with the certificate in this folder, which is created if it is missing (default: HTTP)
  --client-certificates required
                      as an app with clientCertMode "Required": 403 without a client certificate; the function gets any other in
                      the header X-ARR-ClientCert, unchecked. Needs --tls
  --json              one JSON object per log line
  -h, --help          show this text

Example: AzureWebJobsStorage=UseDevelopmentStorage=true functions-host --app ./my-app --port 7071
`;

await runProgram({
  usage,
  read(args) {
    const values = parseOptions(args, {
      app: { type: 'string', default: '.' },
      port: { type: 'string', default: '7071' },
      state: { type: 'string', default: '.local/host' },
      key: { type: 'string', default: 'local-function-key' },
      'function-key': { type: 'string', multiple: true, default: [] },
      'master-key': { type: 'string', default: 'local-master-key' },
      lease: { type: 'string', default: '600' },
      'pass-principal': { type: 'boolean', default: false },
      tls: { type: 'string' },
      'client-certificates': { type: 'string' },
      json: { type: 'boolean', default: false },
    });
    return {
      appDirectory: resolve(values.app),
      stateDirectory: resolve(values.state),
      port: portNumber(values.port),
      functionKey: values.key,
      keysOfFunctions: keysByFunction(values['function-key']),
      masterKey: values['master-key'],
      // Seven days is the longest time that a storage queue hides a message.
      leaseSeconds: wholeNumber('lease', values.lease, [1, 604_800]),
      passPrincipal: values['pass-principal'],
      tlsDirectory: values.tls === undefined ? undefined : resolve(values.tls),
      clientCertificates: clientCertificates(values['client-certificates'], values.tls),
      log: values.json ? logJson : logText,
    };
  },
  async start({ tlsDirectory, ...options }) {
    exitWithParent();
    const tls = tlsDirectory === undefined ? undefined : await ensureLocalTls({ directory: tlsDirectory });
    const { functionCount, url, stop } = await startFunctionsHost({ ...options, tls, settings: process.env });
    process.stdout.write(`${functionCount} functions ready at ${url}\n`);
    return stop;
  },
});

/** @throws UsageError unless each text is NAME=TEXT */
function keysByFunction(texts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, string[]>();
  for (const text of texts) {
    const [, name, key] = /^([\w-]+)=(.+)$/.exec(text) ?? [];
    if (name === undefined || key === undefined) {
      throw new UsageError('Invalid value for --function-key. Expected the name of a function, "=" and the key.');
    }
    keys.set(name, [...(keys.get(name) ?? []), key]);
  }
  return keys;
}

/** @throws UsageError for another value, or without TLS */
function clientCertificates(text: string | undefined, tls: string | undefined): 'required' | undefined {
  if (text === undefined) return undefined;
  if (tls === undefined) throw new UsageError('--client-certificates needs --tls.');
  return oneOf('client-certificates', text, ['required']);
}

function logJson(line: Parameters<HostLog>[0]): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`);
}

function logText({ level, functionName = 'host', invocationId, message }: Parameters<HostLog>[0]): void {
  const id = invocationId === undefined ? '' : ` ${invocationId.slice(0, 8)}`;
  process.stdout.write(`${new Date().toISOString()} ${level} [${functionName}${id}] ${message}\n`);
}
