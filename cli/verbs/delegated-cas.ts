import { answered, type Schemas } from '../api.ts';
import type { Context } from '../context.ts';
import type { Column, Line } from '../output.ts';
import { writeList } from '../paging.ts';
import { submitRows } from './renewals.ts';

type Ca = Schemas['CertificateAuthority'];
type DeviceOfCa = Schemas['DeviceOfCa'];

const columns: readonly Column<Ca>[] = [
  { name: 'serial number', value: ({ serialNumber }) => serialNumber },
  { name: 'group', value: ({ enrollmentGroup }) => enrollmentGroup },
  { name: 'state', value: ({ state }) => state },
  { name: 'worker', value: ({ worker }) => worker },
  { name: 'made', value: ({ reservedAt }) => reservedAt, kind: 'time' },
  { name: 'signs until', value: ({ signsUntil }) => signsUntil, kind: 'time' },
  { name: 'end', value: ({ ended }) => ended?.reason },
  { name: 'certificates', value: ({ ended }) => ended?.certificates },
];

const deviceColumns: readonly Column<DeviceOfCa>[] = [
  { name: 'device', value: ({ deviceId }) => deviceId },
  { name: 'status', value: ({ status }) => status, kind: 'status' },
  { name: 'key made by', value: ({ certificate }) => certificate.keyMadeBy },
  { name: 'certificate', value: ({ certificate }) => certificate.serialNumber },
  { name: 'ends', value: ({ certificate }) => certificate.notAfter, kind: 'time' },
];

interface ListOptions {
  readonly group?: string | undefined;
  readonly state?: Ca['state'] | undefined;
  readonly limit?: number | undefined;
}

export async function listDelegatedCas(context: Context, { limit, ...filter }: ListOptions): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, columns, limit, async (page) => {
    const query = { ...page, ...filter };
    const found = await answered(client.GET('/certificate-authorities', { params: { query } }));
    return { items: found.certificateAuthorities, continuation: found.continuation };
  });
  return undefined;
}

export async function showDelegatedCa({ api, output }: Context, serial: string): Promise<undefined> {
  const { client } = await api();
  const ca = await answered(client.GET('/certificate-authorities/{serial}', { params: { path: { serial } } }));
  await output.one(ca, caLines);
  return undefined;
}

/** The devices that work with a certificate of a CA. */
export async function listDevicesOfCa(
  context: Context,
  serial: string,
  { limit }: Pick<ListOptions, 'limit'>,
): Promise<undefined> {
  const { client } = await context.api();
  await writeList(context, deviceColumns, limit, async (query) => {
    const params = { path: { serial }, query };
    const { devices, continuation } = await answered(
      client.GET('/certificate-authorities/{serial}/devices', { params }),
    );
    return { items: devices, continuation };
  });
  return undefined;
}

interface BlockOptions {
  readonly reason: string;
  readonly yes?: true | undefined;
}

/** Blocks a CA for good, after it has shown what that means. */
export async function blockDelegatedCa(context: Context, serial: string, { reason, yes }: BlockOptions) {
  const { client } = await context.api();
  const params = { path: { serial } };
  const ca = await answered(client.GET('/certificate-authorities/{serial}', { params }));
  context.say(`Devices of group ${ca.enrollmentGroup} with certificates of this CA can no longer register with DPS.`);
  context.say('Each of them has to be issued again. This cannot be undone.');
  await context.confirm(`Block delegated CA ${ca.serialNumber}?`, { yes });
  const blocked = await answered(client.POST('/certificate-authorities/{serial}/block', { params, body: { reason } }));
  await context.output.one(blocked, ({ certificateAuthority, devices, next }) => [
    ...caLines(certificateAuthority),
    ['devices', `${devices.length}${next === undefined ? '' : ' or more'} to issue again`],
  ]);
  if (blocked.devices.length > 0) context.say(`next: fleet delegated-ca reissue ${ca.serialNumber}`);
  return undefined;
}

interface ReissueOptions {
  readonly list?: true | undefined;
  readonly yes?: true | undefined;
}

/** Submits the devices that work with a certificate of a CA, so that they get another one. */
export async function reissueDevicesOfCa(context: Context, serial: string, options: ReissueOptions) {
  const { client } = await context.api();
  const rows = String(
    await answered(
      client.GET('/certificate-authorities/{serial}/reissue-list', { params: { path: { serial } }, parseAs: 'text' }),
    ),
  );
  const none = `No device in use works with a certificate of delegated CA ${serial}.`;
  const listed = `fleet delegated-ca reissue ${serial} --list`;
  return submitRows(context, rows, { ...options, none, listed, of: `with certificates of delegated CA ${serial}` });
}

function caLines(ca: Ca): Line[] {
  const { ended, blocked } = ca;
  return [
    ['delegated CA', ca.serialNumber],
    ['state', ca.state],
    ['group', ca.enrollmentGroup],
    ['issuing CA', ca.caGeneration],
    ['worker', ca.worker],
    ['name', ca.commonName],
    ['made', ca.reservedAt, 'time'],
    ['signs until', ca.signsUntil, 'time'],
    ['ends', ca.notAfter, 'time'],
    ['key dropped', ended?.at, 'time'],
    ['because of', ended?.reason],
    ['certificates', ended?.certificates],
    ['blocked by', blocked === undefined ? undefined : `${blocked.by}: ${blocked.reason}`],
    ['blocked at', blocked?.at, 'time'],
    ['group in DPS', blocked?.inDps?.enrollmentGroup],
  ];
}
