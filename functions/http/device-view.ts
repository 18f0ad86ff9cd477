import type { DeviceRecord } from '../../lib/devices/device.ts';

/** A device as GET /api/devices shows it. */
export function deviceView(record: DeviceRecord) {
  const {
    id,
    status,
    statusSince,
    enrollmentGroup,
    serialNumber,
    identity,
    claim,
    twin,
    registration,
    failure,
    bundle,
  } = record;
  return {
    deviceId: id,
    status,
    statusSince,
    enrollmentGroup,
    ...(failure === undefined ? {} : { failure }),
    certificate: { serialNumber, ...identity },
    job: { jobId: claim.jobId, line: claim.line, link: `/api/jobs/${claim.jobId}` },
    twin: twin ?? { tags: {}, desired: {} },
    registration: registration ?? { status: 'unassigned' },
    ...(bundle === undefined
      ? {}
      : { bundle: { fileName: bundle.fileName, bytes: bundle.length, link: `/api/devices/${id}/bundle` } }),
    history: record.history,
  };
}
