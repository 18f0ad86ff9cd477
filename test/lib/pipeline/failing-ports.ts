import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createWorld, registerAt, type World, type WorldOptions } from '../../world.ts';

/*
 * Each call of a port fails once. The use case must fail with it: if it ended as if all was done, nothing would do the work
 * again. A call that is not awaited would not be missed otherwise, since the next delivery often does its work.
 */

class Failed extends Error {}

/** The services of a world, of which the n-th call fails, after a while, as that of a service does. */
function failing(world: World, n: number) {
  const calls: string[] = [];
  const port = <Port extends object>(name: string, real: Port): Port =>
    new Proxy(real, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        return (...given: unknown[]) => {
          const answer: unknown = member.apply(target, given);
          if (!(answer instanceof Promise)) return answer;
          const call = `${name}.${String(property)}`;
          if (calls.push(call) !== n) return answer;
          return answer.then(turn).then(() => Promise.reject(new Failed(call)));
        };
      },
    });
  const queue = { send: async () => {}, waiting: async () => 0, oldest: async () => undefined };
  const real = { ...world.services(), deadLetters: world.deadLetters };
  const ports = Object.fromEntries(
    Object.entries(real).map(([name, value]) => [name, typeof value === 'object' ? port(name, value) : value]),
  ) as unknown as typeof real;
  return { ports: { ...ports, queue: () => port('queue', queue) }, calls, port };
}
export type Failing = ReturnType<typeof failing>;

/** A use case: `prepare` makes the world in which it runs. */
export interface UseCase {
  readonly name: string;
  readonly world?: WorldOptions;
  readonly prepare?: (world: World) => Promise<unknown>;
  readonly run: (ports: Failing['ports'], world: World, given: Failing) => Promise<unknown>;
  /** Calls after whose failure it goes on, and ends as if nothing was. */
  readonly survives?: RegExp;
}

export const hub = 'hub.azure-devices.net';
const ids = ['gw-1', 'gw-2', 'gw-3'];
export const list = `deviceId\n${ids.join('\n')}\n`;

/** Three devices with a bundle each. @returns their job */
export async function provisioned(world: World): Promise<string> {
  const jobId = await world.upload('line7/list.csv', list);
  await world.settle();
  return jobId;
}

/** The same, at a hub. */
export async function assigned(world: World): Promise<void> {
  await provisioned(world);
  await registerAt(hub, world, ids);
}

async function openWorld({ prepare, world: options }: UseCase): Promise<World> {
  const world = createWorld({ chunkRows: 5, ...options });
  await world.declare('line7', { keyCustody: 'plain' });
  await prepare?.(world);
  return world;
}

/** Tests that each use case fails with each of its calls. */
export function failsWithEachCall(useCases: readonly UseCase[]): void {
  describe('a call of a port that fails', () => {
    for (const useCase of useCases) {
      it(`makes ${useCase.name} fail, whichever call it is`, async () => {
        using calm = await openWorld(useCase);
        const all = failing(calm, 0);
        await useCase.run(all.ports, calm, all);
        assert.ok(all.calls.length > 1, `only ${all.calls}`);
        for (const [index, call] of all.calls.entries()) {
          using world = await openWorld(useCase);
          const given = failing(world, index + 1);
          const run = useCase.run(given.ports, world, given);
          const which = `${call}, number ${index + 1} of ${all.calls}`;
          if (useCase.survives?.test(call)) {
            await assert.doesNotReject(run, which);
            continue;
          }
          await assert.rejects(run, (error) => error instanceof Failed && error.message === call, which);
        }
      });
    }
  });
}
