import { isChanging, issuingCaAtEst } from '../authorities/est-cas.ts';
import { FleetError } from '../errors.ts';
import { type GroupRecord, type IssuingCa, inForce } from '../groups/group.ts';
import { type EstCall, estCaller } from './est-caller.ts';
import type { Ports } from './ports.ts';

/** Milliseconds between two looks at the record, and how many there are: IoT Edge sends both requests at once. */
const lookMs = 200;
const maxLooks = 15;

/** Milliseconds for which a request of the device counts as the other half of this one. */
const pairMs = 10_000;

/**
 * The chain of the CA that issues for the device: the issuing CA first, the root last. IoT Edge stores it behind its new
 * certificate and presents both to DPS. So in the seconds after a rollover it follows the request that the device sent with it.
 * @returns PEM
 * @throws FleetError as `estCaller`
 */
export async function estCaCertificates(
  call: EstCall,
  ports: Pick<Ports, 'groups' | 'devices' | 'delegatedCas' | 'now' | 'retry'>,
): Promise<readonly string[]> {
  const { group, record } = await estCaller(call, ports);
  const at = ports.now();
  const current = issuingCaAtEst(group.value, at);
  if (current === undefined) throw new FleetError('ca-missing', `Group "${group.value.id}" has no issuing CA.`);
  const ca = isChanging(group.value, at) ? await issuerOfPair(record.value.id, group.value, ports) : undefined;
  const { certificatePem, chainPem } = ca ?? current;
  return [certificatePem, ...chainPem];
}

/** The CA by which the request that came with this one is answered. @returns undefined when there is none */
async function issuerOfPair(
  deviceId: string,
  group: GroupRecord,
  { devices, now, retry }: Pick<Ports, 'devices' | 'now' | 'retry'>,
): Promise<IssuingCa | undefined> {
  const { issuingCas } = inForce(group);
  for (let looks = 0; looks < maxLooks; looks++) {
    const renewals = (await devices.read([deviceId])).get(deviceId)?.value.renewals ?? [];
    const since = new Date(now().getTime() - pairMs).toISOString();
    const [latest] = renewals.filter(({ reservedAt }) => reservedAt >= since).sort(byTime);
    const ca = issuingCas.find(({ generation }) => generation === latest?.caGeneration);
    if (ca !== undefined) return ca;
    await retry.sleep(lookMs);
  }
  return undefined;
}

const byTime = (a: { readonly reservedAt: string }, b: { readonly reservedAt: string }) =>
  a.reservedAt < b.reservedAt ? 1 : -1;
