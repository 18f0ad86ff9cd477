import type { KeyObject } from 'node:crypto';
import { brokenRule } from './broken-rule.ts';
import { toPem } from './certificate.ts';
import { issueCertificate } from './issue-certificate.ts';
import { type Authority, type Issuer, readIssuer, selfIssuer } from './issuer.ts';
import type { Signer } from './key-store.ts';
import { describeKey, type SubjectKey, subjectKeyOf } from './keys.ts';
import { type Profile, profiles, validityFrom } from './profiles.ts';
import { type CertificateContent, encodeName } from './template.ts';

export interface RootCaRequest {
  readonly commonName: string;
  readonly signer: Signer;
  readonly validityDays: number;
  readonly now: Date;
  /** Hex, from serial.ts. */
  readonly serialNumber: string;
}

/**
 * Issues a self-signed root.
 * @returns PEM
 * @throws FleetError `certificate-rule`; `throttled` or `unavailable` from a key that is not local
 */
export async function issueRootCa({
  commonName,
  signer,
  validityDays,
  now,
  serialNumber,
}: RootCaRequest): Promise<string> {
  const profile = profiles['root-ca'];
  const { notBefore, notAfter } = validityFrom(now, validityDays, profile);
  const issuer = selfIssuer(signer, encodeName(commonName), notBefore, notAfter);
  return issue(
    { profile, serialNumber, commonName, key: acceptedKey(signer.publicKey), notBefore, notAfter },
    issuer,
    now,
  );
}

export interface IntermediateCaRequest {
  readonly issuer: Authority;
  readonly commonName: string;
  readonly publicKey: KeyObject;
  /** How many CAs may follow below it: 0 if it signs identities only. */
  readonly pathLength: number;
  /** Clamped to the issuer's life. */
  readonly validityDays: number;
  readonly serialNumber: string;
  readonly now: Date;
}

/**
 * Issues the certificate of an enrollment group's issuing CA.
 * @returns PEM
 * @throws FleetError `certificate-rule`; `throttled` or `unavailable` from a key that is not local
 */
export async function issueIntermediateCa(request: IntermediateCaRequest): Promise<string> {
  const { commonName, publicKey, pathLength, serialNumber } = request;
  return issueUnder(request, profiles['issuing-ca'], {
    commonName,
    key: acceptedKey(publicKey),
    pathLength,
    serialNumber,
  });
}

export interface ProofOfPossessionRequest {
  readonly issuer: Authority;
  /** DPS gave it for the CA that was uploaded. It becomes the common name. */
  readonly verificationCode: string;
  readonly publicKey: KeyObject;
  readonly serialNumber: string;
  readonly now: Date;
}

/**
 * Issues the certificate that proves to DPS that we have the key of an uploaded CA. Valid for a week.
 * @returns PEM
 * @throws FleetError `certificate-rule`; `throttled` or `unavailable` from a key that is not local
 */
export async function issueProofOfPossession(request: ProofOfPossessionRequest): Promise<string> {
  const { verificationCode, publicKey, serialNumber } = request;
  const profile = profiles['proof-of-possession'];
  const content = { commonName: verificationCode, key: acceptedKey(publicKey), serialNumber };
  return issueUnder({ ...request, validityDays: profile.maxValidityDays }, profile, content);
}

function issueUnder(
  { issuer: authority, validityDays, now }: Pick<IntermediateCaRequest, 'issuer' | 'validityDays' | 'now'>,
  profile: Profile,
  content: Pick<CertificateContent, 'commonName' | 'key' | 'pathLength' | 'serialNumber'>,
): Promise<string> {
  const issuer = readIssuer(authority);
  return issue({ ...content, profile, ...validityFrom(now, validityDays, profile, issuer) }, issuer, now);
}

async function issue(content: CertificateContent, issuer: Issuer, now: Date): Promise<string> {
  return toPem('CERTIFICATE', await issueCertificate(content, issuer, now));
}

function acceptedKey(publicKey: KeyObject): SubjectKey {
  const key = subjectKeyOf(publicKey);
  if (key === undefined) throw brokenRule('key-type', `a key of type ${describeKey(publicKey)} is not accepted`);
  return key;
}
