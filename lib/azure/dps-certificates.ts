import { type CertificateResponse, IotDpsClient } from '@azure/arm-deviceprovisioningservices';
import type { TokenCredential } from '@azure/identity';
import type { CaRegistry, RegisteredCa } from '../enrollment/ca-registration.ts';
import { FleetError } from '../errors.ts';
import { calling, statusOf } from './service-errors.ts';

/** The place of a provisioning service in Azure Resource Manager. */
export interface DpsResource {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

export interface DpsCertificatesOptions {
  readonly resource: DpsResource;
  readonly credential: TokenCredential;
  /** Endpoint of Azure Resource Manager: an emulator's, or that of a sovereign cloud. Default: the public cloud. */
  readonly endpoint?: string;
  /** Retries of the SDK. Default: 3, as in the SDK. */
  readonly maxRetries?: number;
}

const service = 'Azure Resource Manager';
const resourceId =
  /^\/subscriptions\/([0-9a-f-]{36})\/resourceGroups\/([^/]{1,90})\/providers\/Microsoft\.Devices\/provisioningServices\/([^/]{3,64})$/i;

/** Reads `/subscriptions/…/provisioningServices/NAME`. @throws FleetError `request-invalid` */
export function parseDpsResourceId(text: string): DpsResource {
  const [, subscriptionId = '', resourceGroup = '', name = ''] = resourceId.exec(text) ?? [];
  if (name !== '') return { subscriptionId, resourceGroup, name };
  const expected = '/subscriptions/<id>/resourceGroups/<name>/providers/Microsoft.Devices/provisioningServices/<name>';
  throw new FleetError(
    'request-invalid',
    `This is not the resource id of a provisioning service. Expected ${expected}.`,
  );
}

/**
 * CA certificates of a DPS instance, through @azure/arm-deviceprovisioningservices. Operators use it (fleet ca). It is
 * not part of the deployed app, whose identity has no rights on the management API.
 */
export function createDpsCertificates({
  resource,
  credential,
  endpoint,
  maxRetries = 3,
}: DpsCertificatesOptions): CaRegistry {
  const { resourceGroup, name: dps } = resource;
  const options = { retryOptions: { maxRetries }, ...(endpoint === undefined ? {} : { endpoint }) };
  const { dpsCertificate } = new IotDpsClient(credential, resource.subscriptionId, options);

  /** @param failure beginning of the message when the call fails */
  async function manage<T>(failure: string, work: () => Promise<T>): Promise<T> {
    try {
      return await calling(service, work);
    } catch (error) {
      if (error instanceof FleetError) throw error;
      const status = statusOf(error);
      // 409, 412: the etag is not the current one. 404: the certificate was deleted since it was listed.
      if (status === 409 || status === 412 || status === 404) {
        throw new FleetError('concurrent-change', `${failure}: the certificate changed meanwhile.`, { cause: error });
      }
      if (status === undefined) throw error;
      throw new FleetError('ca-refused', `${failure}: HTTP ${status} ${messageOf(error)}`, { cause: error });
    }
  }

  return {
    async list() {
      const { value = [] } = await manage('DPS does not list its CA certificates', () =>
        dpsCertificate.list(resourceGroup, dps),
      );
      return value.map(toRegisteredCa);
    },

    async upload(name, certificatePem, { withoutProof, known }) {
      const properties = { certificate: Buffer.from(certificatePem), ...(withoutProof ? { isVerified: true } : {}) };
      const ifMatch = known === undefined ? {} : { ifMatch: known.etag };
      return toRegisteredCa(
        await manage(`DPS refuses CA certificate "${name}"`, () =>
          dpsCertificate.createOrUpdate(resourceGroup, dps, name, { properties }, ifMatch),
        ),
      );
    },

    async verificationCode(ca) {
      const answer = await manage(`DPS refuses a verification code for "${ca.name}"`, () =>
        dpsCertificate.generateVerificationCode(ca.name, ca.etag, resourceGroup, dps),
      );
      const code = answer.properties?.verificationCode;
      if (code === undefined) throw new FleetError('unavailable', `${service} answered without a verification code.`);
      return { code, ca: { ...ca, etag: answer.etag ?? ca.etag } };
    },

    async verify(ca, proofPem) {
      const request = { certificate: Buffer.from(proofPem).toString('base64') };
      return toRegisteredCa(
        await manage(`DPS refuses the proof for "${ca.name}"`, () =>
          dpsCertificate.verifyCertificate(ca.name, ca.etag, resourceGroup, dps, request),
        ),
      );
    },

    async remove(ca) {
      await manage(`DPS does not delete CA certificate "${ca.name}"`, () =>
        dpsCertificate.delete(resourceGroup, dps, ca.name, ca.etag),
      );
    },
  };
}

function toRegisteredCa({ name = '', etag = '', properties = {} }: CertificateResponse): RegisteredCa {
  const { thumbprint = '', isVerified = false } = properties;
  return { name, etag, isVerified, sha1Thumbprint: thumbprint.toUpperCase() };
}

/** The service's own message, 300 characters at most. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 300) : '';
}
