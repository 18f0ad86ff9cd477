import { type KeyObject, X509Certificate } from 'node:crypto';
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

/** How long one delegated CA may sign, in milliseconds: an hour. */
export const delegatedCaSignsMs = 60 * 60 * 1000;

/** Milliseconds by which a delegated CA outlives the last certificate that it may sign, where its issuer lives long enough. */
const delegatedCaMarginMs = 5 * 60 * 1000;

export interface DelegatedCaRequest {
  /** The issuing CA of a group. */
  readonly issuer: Authority;
  readonly commonName: string;
  /** P-256. */
  readonly publicKey: KeyObject;
  /** How many CAs may follow below it: 0 if it signs identities only. The issuer has to allow one more. */
  readonly pathLength: number;
  /** From `delegatedCaValidity` at `now`. */
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly serialNumber: string;
  readonly now: Date;
}

/**
 * Issues the certificate of a delegated CA, which signs certificates of devices for an hour.
 * @returns PEM
 * @throws FleetError `certificate-rule`; `throttled` or `unavailable` from a key that is not local
 */
export async function issueDelegatedCa(request: DelegatedCaRequest): Promise<string> {
  const { issuer, commonName, publicKey, pathLength, notBefore, notAfter, serialNumber, now } = request;
  const profile = profiles['delegated-ca'];
  const content = { profile, serialNumber, commonName, key: acceptedKey(publicKey), pathLength, notBefore, notAfter };
  return issue(content, readIssuer(issuer), now);
}

/**
 * The life of a delegated CA that is made at `now`: within that of its issuer, and as long as the last certificate that it may
 * sign. So a certificate that it signs has the life that the issuing CA would give it.
 * @param validityDays of the certificates that it signs
 */
export function delegatedCaValidity(
  now: Date,
  validityDays: number,
  issuer: Pick<Authority, 'certificatePem'>,
): { notBefore: Date; notAfter: Date } {
  const profile = profiles['delegated-ca'];
  const { validFromDate, validToDate } = new X509Certificate(issuer.certificatePem);
  const bounds = { notBefore: validFromDate, notAfter: validToDate };
  const lastIssued = new Date(now.getTime() + delegatedCaSignsMs + delegatedCaMarginMs);
  const { notBefore } = validityFrom(now, validityDays, profile, bounds);
  return { notBefore, notAfter: validityFrom(lastIssued, validityDays, profile, bounds).notAfter };
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
