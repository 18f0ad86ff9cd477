/*
 * Redirects the HTTPS requests of an unchanged program to the emulator: `NODE_OPTIONS="--require <this file>"` with
 * DPS_EMULATOR=localhost:8443 and DPS_EMULATOR_NAMES=my-dps.azure-devices-provisioning.net,… (host names to redirect).
 * Requests with an explicit port are not redirected. SNI, Host header and signatures keep the original name.
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
