import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import common from 'azure-iot-common';
import type { Stack } from '../../infra/local/stack.ts';

export type Json = Record<string, unknown>;

/** DPS and the hubs as another tool uses them: past the app and its proxies, with their own access policies. */
export interface AzureApi {
  /** @returns the body; undefined when there is nothing at this path. @throws Error for any other answer than 2xx */
  dps(method: string, path: string, body?: Json): Promise<Json | undefined>;
  hub(name: string, method: string, path: string, body?: Json): Promise<Json | undefined>;
}

export function createAzureApi({ dps, dpsConnectionString }: Pick<Stack, 'dps' | 'dpsConnectionString'>): AzureApi {
  const key = /SharedAccessKey=(.+)$/.exec(dpsConnectionString)?.[1] ?? '';

  async function call(
    host: string,
    policy: string,
    [method, path, body]: readonly [string, string, Json | undefined],
  ): Promise<Json | undefined> {
    const token = common.SharedAccessSignature.create(host, policy, key, Math.ceil(Date.now() / 1000) + 3600);
    const asked = request({
      ...{ host: 'localhost', port: dps.port, servername: host, method, path, agent: false },
      headers: {
        ...{ host, authorization: token.toString(), 'content-type': 'application/json; charset=utf-8' },
        // Whatever the version: this tool asks nobody.
        ...(method !== 'GET' && body?.['etag'] !== undefined && { 'if-match': '*' }),
        ...(method === 'DELETE' && { 'if-match': '*' }),
      },
    });
    asked.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString();
    const status = answer.statusCode ?? 0;
    if (status === 404) return undefined;
    if (status >= 300) throw new Error(`${method} ${host}${path} answered ${status}: ${text}`);
    return text === '' ? {} : (JSON.parse(text) as Json);
  }

  return {
    dps: (method, path, body) =>
      call('localhost', 'provisioningserviceowner', [method, `${path}?api-version=2021-10-01`, body]),
    hub: (name, method, path, body) => call(name, 'iothubowner', [method, `${path}?api-version=2021-04-12`, body]),
  };
}
