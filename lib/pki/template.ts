import { brokenRule } from './broken-rule.ts';
import { lint, lintOwn } from './lint.ts';
import type { Intent, OwnIntent } from './rules/rule.ts';
import { keyIdentifier } from './subject-key.ts';
import { type CertificateContent, toBeSigned } from './to-be-signed.ts';

/*
 * Two certificates of one profile, issuer, validity and kind of key, whose common names are equally long, differ in serial
 * number, common name, public key and its identifier, all of fixed length. So @peculiar/x509 makes the first of them, all
 * rules are checked on it, and the next ones are its bytes with those four parts replaced, and the rules on these checked.
 * Preparing one takes a five-hundredth of the time that making and reading it anew would, and it cannot come out differently.
 */
export interface Template {
  /** The first certificate's TBSCertificate, DER. */
  readonly tbs: Buffer;
  readonly profile: Intent['profile'];
  readonly keyType: Intent['keyType'];
  /** Where the four parts lie in `tbs`. */
  readonly at: Readonly<Record<'serialNumber' | 'commonName' | 'publicKey' | 'subjectKeyIdentifier', Range>>;
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/** @throws FleetError `certificate-rule` */
export async function createTemplate(
  content: CertificateContent,
  issuer: Intent['issuer'],
  now: Date,
): Promise<Template> {
  const tbs = await toBeSigned(content, issuer);
  const { profile, key, pathLength } = content;
  const parts = lint(tbs, { ...content, pathLength, keyType: key.type, issuer, now });
  const rangeOf = (part: Buffer | undefined): Range => {
    if (part === undefined) throw new Error('a part that the rules ask for is missing');
    const start = part.byteOffset - tbs.byteOffset;
    return { start, end: start + part.length };
  };
  return {
    ...{ tbs, profile, keyType: key.type },
    at: {
      serialNumber: rangeOf(parts.serialNumber),
      commonName: rangeOf(parts.commonName),
      publicKey: rangeOf(parts.publicKey),
      subjectKeyIdentifier: rangeOf(parts.subjectKeyIdentifier),
    },
  };
}

/**
 * Another certificate of the template, to be signed.
 * @param publicKey content of the BIT STRING, as long as the template's
 * @throws FleetError `certificate-rule`
 */
export function fillTemplate(
  { tbs: first, at, profile, keyType }: Template,
  { serialNumber, commonName }: Pick<OwnIntent, 'serialNumber' | 'commonName'>,
  publicKey: Buffer,
): { tbs: Buffer; subjectKeyIdentifier: Buffer } {
  const tbs = Buffer.allocUnsafe(first.length);
  first.copy(tbs);
  const view = ({ start, end }: Range) => tbs.subarray(start, end);
  const own = {
    serialNumber: view(at.serialNumber),
    commonName: view(at.commonName),
    publicKey: view(at.publicKey),
    subjectKeyIdentifier: view(at.subjectKeyIdentifier),
  };
  own.serialNumber.write(serialNumber, 'hex');
  own.commonName.write(commonName, 'utf8');
  if (publicKey.length !== own.publicKey.length)
    throw brokenRule('key-strength', 'its key is not as long as keys of its type are');
  own.publicKey.set(publicKey);
  own.subjectKeyIdentifier.set(keyIdentifier(publicKey));
  lintOwn(own, { profile, keyType, serialNumber, commonName });
  return { tbs, subjectKeyIdentifier: own.subjectKeyIdentifier };
}
