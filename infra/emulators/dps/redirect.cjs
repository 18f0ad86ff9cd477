/*
 * Sends programs that know nothing of the emulator to it: `NODE_OPTIONS="--require <this file>"`, with
 * DPS_EMULATOR=localhost:8443 and, for names other than that host, DPS_EMULATOR_NAMES=my-dps.azure-devices-provisioning.net,…
 * Requests over HTTPS to one of the names and no port of their own connect there; SNI, Host header and signatures keep
 * the name.
 */
'use strict';

const https = require('node:https');

const [host = 'localhost', port = '8443'] = (process.env.DPS_EMULATOR ?? '').split(':').filter(Boolean);
const names = new Set([host, ...(process.env.DPS_EMULATOR_NAMES ?? '').split(',').map((name) => name.trim())]);
names.delete('');

const request = https.request;
https.request = function redirected(options, ...rest) {
  const isOptions = typeof options === 'object' && options !== null && !(options instanceof URL);
  const name = isOptions ? (options.hostname ?? options.host) : undefined;
  if (!isOptions || !names.has(name) || options.port) return request.call(this, options, ...rest);
  const headers = { host: name, ...options.headers };
  return request.call(
    this,
    { ...options, headers, host, hostname: host, port: Number(port), servername: name },
    ...rest,
  );
};
