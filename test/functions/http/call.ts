import { HttpRequest, type HttpRequestInit } from '@azure/functions';
import type { Services } from '../../../functions/services.ts';
import { operation } from '../../operation.ts';
import type { World } from '../../world.ts';

/** Calls an operation of the API on the services of a world. @param more services that a world does not have */
export function call(world: World, id: string, init: Partial<HttpRequestInit> = {}, more: object = {}) {
  const own = { deadLetters: world.deadLetters, queue: () => ({ send: async () => {} }), groupStore: world.groupStore };
  const services = { ...world.services(), ...own, ...more } as unknown as Services;
  const request = new HttpRequest({ method: operation(id).method, url: 'http://localhost/api/x', ...init });
  return operation(id).answer(request, { services, caller: { name: 'Ann' }, requestId: 'r' });
}

export async function json(world: World, id: string, init: Partial<HttpRequestInit> = {}, more: object = {}) {
  return JSON.parse(String((await call(world, id, init, more)).body)) as Record<string, unknown>;
}
