import type { FleetAct, FleetActStore } from '../../lib/jobs/fleet-act.ts';

/** Acts on many devices, in memory. */
export function createMemoryFleetActStore(): FleetActStore {
  const acts = new Map<string, { value: FleetAct; etag: string }>();
  let version = 0;
  const put = (value: FleetAct) => acts.set(value.actId, { value: structuredClone(value), etag: `"${++version}"` });
  return {
    async create(act) {
      if (acts.has(act.actId)) return false;
      put(act);
      return true;
    },
    read: async (actId) => structuredClone(acts.get(actId)),
    async replace({ value, etag }) {
      if (acts.get(value.actId)?.etag !== etag) return undefined;
      put(value);
      return acts.get(value.actId)?.etag;
    },
    async list({ size, continuation = '\uffff' }) {
      const keyOf = ({ startedAt, actId }: FleetAct) => `${startedAt}~${actId}`;
      const found = [...acts.values()].map(({ value }) => structuredClone(value));
      const after = found.filter((act) => keyOf(act) < continuation).sort((a, b) => (keyOf(a) > keyOf(b) ? -1 : 1));
      const items = after.slice(0, size).map(({ filter: _filter, ...listed }) => listed);
      const last = after.slice(0, size).at(-1);
      return after.length <= size || last === undefined ? { items } : { items, continuation: keyOf(last) };
    },
    overdue: async (before) =>
      [...acts.values()].flatMap(({ value: { actId, status, nextAt } }) =>
        status === 'running' && nextAt < before ? [actId] : [],
      ),
  };
}
