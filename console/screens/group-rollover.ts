import { html, nothing, type TemplateResult } from 'lit-html';
import { call, get } from '../api.ts';
import { plural } from '../format.ts';
import { facts, problemOf, time } from '../parts/basic.ts';
import { ask } from '../parts/dialog.ts';
import { can } from '../session.ts';
import { update } from '../store.ts';
import type { EnrollmentGroup, GroupRollover, RolloverGate } from '../types.ts';

type Reload = () => Promise<void>;

/** Starts a rollover, or completes one. The devices that hold the gate are counted when they are asked for. */
export function rolloverActions(group: EnrollmentGroup, reload: Reload): TemplateResult | typeof nothing {
  const { id, issuingCas } = group;
  if (issuingCas.length === 0 || !can('roll-over-enrollment-group', id)) return nothing;
  const hasOlder = issuingCas.length > 1;
  return html`<div class="actions">
    ${hasOlder ? html`<button class="primary" type="button" @click=${() => complete(group, reload)}>Complete the rollover …</button>` : nothing}
    <button type="button" @click=${() => start(group, reload, false)}>Roll over …</button>
    ${hasOlder ? html`<button class="danger" type="button" @click=${() => start(group, reload, true)}>Roll over by force …</button>` : nothing}
  </div>`;
}

function start({ id, issuingCas }: EnrollmentGroup, reload: Reload, force: boolean): void {
  const [current, older] = issuingCas;
  const from = current?.generation ?? 0;
  ask({
    title: 'Make a new issuing CA?',
    text: `Generation ${from + 1} becomes the current one. DPS keeps generation ${from}, so its devices can still register. ${older === undefined ? '' : `Generation ${older.generation} is taken out of DPS.`}`,
    confirm: 'Roll over',
    ...(force && { danger: true, typed: id }),
    async act() {
      const query = `from=${from}${force ? '&force=true' : ''}`;
      await call(`${pathOf(id)}?${query}`, { method: 'POST' });
      update({ notice: { text: 'The group has a new issuing CA.' } });
      await reload();
    },
  });
}

async function complete({ id }: EnrollmentGroup, reload: Reload): Promise<void> {
  const { olderCa, gate } = await get<GroupRollover>(pathOf(id)).catch((error: unknown): Partial<GroupRollover> => {
    update({ notice: { text: problemOf(error).detail, failed: true } });
    return {};
  });
  if (olderCa === undefined || gate === undefined) return;
  const { devicesLockedOut } = gate;
  const lost = `${plural(devicesLockedOut, 'device')} could not register any more.`;
  ask({
    title: `Take generation ${olderCa.generation} out of DPS?`,
    text: gate.open ? 'No device needs it.' : `The gate is closed: ${lost}`,
    more: counts(gate),
    confirm: gate.open ? 'Take it out' : `Lock out ${plural(devicesLockedOut, 'device')}`,
    ...(!gate.open && { danger: true, typed: String(devicesLockedOut) }),
    async act() {
      const json = gate.open ? {} : { force: { devicesLockedOut } };
      await call(`${pathOf(id)}/complete`, { method: 'POST', json });
      update({ notice: { text: `Generation ${olderCa.generation} is taken out of DPS.` } });
      await reload();
    },
  });
}

function counts(gate: RolloverGate): TemplateResult {
  const { notRenewed, notConfirmed, notInstalled, pastShelfLife, opensBy, observedAt } = gate;
  return facts([
    ['Not renewed', String(notRenewed.devices)],
    ['Issued again, not seen with it', String(notConfirmed.devices)],
    ['Bundle not installed', String(notInstalled.devices)],
    ['Bundle past its shelf life', String(pastShelfLife.devices)],
    ['Opens by itself by', opensBy === undefined ? undefined : time(opensBy)],
    ['Counted', time(observedAt)],
  ]);
}

const pathOf = (id: string) => `enrollment-groups/${encodeURIComponent(id)}/rollover`;
