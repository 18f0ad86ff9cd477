import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { AlternativeName } from './alternative-name.ts';
import { brokenRule } from './broken-rule.ts';
import { readElement } from './der.ts';
import type { Issuer } from './issuer.ts';
import { type DeviceKeyType, keyIdentifier, type SubjectKey, sampleKeys, webCryptoAlgorithm } from './keys.ts';
import { lint, lintPerCertificate } from './lint.ts';
import { extendedKeyUsageIds, keyUsageBits, type Profile } from './profiles.ts';
import type { VaryingParts } from './rules.ts';
import { readTime, type TimeEncoding, timeEncodingOf, writeTime } from './time.ts';

/** All that is decided per certificate; its profile has the rest. */
export interface CertificateContent {
  readonly profile: Profile;
  /** Hex, 16 octets. */
  readonly serialNumber: string;
  readonly commonName: string;
  readonly key: SubjectKey;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of CAs; undefined leaves the constraint out. */
  readonly pathLength?: number | undefined;
  /** Undefined leaves the extension out. */
  readonly alternativeName?: AlternativeName | undefined;
}

/**
 * The library makes whole certificates only. It gets this for a signature, so that no key signs before the rules have been
 * checked. 96 octets, as long as the longest ECDSA signature here (two numbers of P-384).
 */
const noSignature = new Uint8Array(96).fill(1);

/** @returns TBSCertificate, DER, as the profile has it. Nothing is checked here: `lint` checks the bytes. */
export async function toBeSigned(content: CertificateContent, issuer: Issuer): Promise<Buffer> {
  const { serialNumber, commonName, key, notBefore, notAfter } = content;
  const { rawData } = await x509.X509CertificateGenerator.create({
    serialNumber,
    notBefore,
    notAfter,
    subject: nameWith(commonName),
    issuer: new x509.Name(issuer.name),
    publicKey: key.info,
    signingAlgorithm: webCryptoAlgorithm[issuer.signer.keyType],
    signature: noSignature,
    extensions: extensionsOf(content, issuer),
  });
  const { content: parts } = readElement(Buffer.from(rawData));
  return readElement(parts).whole;
}

/** A name of one common name, DER; UTF8String, as RFC 5280 4.1.2.4 wants it of new certificates. */
export function encodeName(commonName: string): Buffer {
  return Buffer.from(nameWith(commonName).toArrayBuffer());
}

const nameWith = (commonName: string) => new x509.Name([{ CN: [{ utf8String: commonName }] }]);

function extensionsOf(
  { profile, key, pathLength, alternativeName }: CertificateContent,
  issuer: Issuer,
): x509.Extension[] {
  const purposes = extendedKeyUsageIds(profile);
  return [
    new x509.BasicConstraintsExtension(profile.ca, pathLength, true),
    new x509.KeyUsagesExtension(keyUsageBits(profile), true),
    ...(purposes.length > 0 ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
    new x509.SubjectKeyIdentifierExtension(keyIdentifier(key.publicKey).toString('hex')),
    new x509.AuthorityKeyIdentifierExtension(issuer.keyIdentifier.toString('hex')),
    ...(alternativeName === undefined
      ? []
      : [new x509.SubjectAlternativeNameExtension([generalName(alternativeName)])]),
  ];
}

const generalName = ({ form, text }: AlternativeName) => new x509.GeneralName(form === 'uri' ? 'url' : form, text);

/** All that certificates of devices have in common, besides their issuer. */
export interface CertificateKind {
  readonly profile: Profile;
  readonly keyType: DeviceKeyType;
  readonly pathLength?: number;
  readonly notBefore: Date;
  /** Its length follows from the length of the device id. */
  readonly commonNameOf: (deviceId: string) => string;
  /** The same of its length. Absent: the certificates have no subject alternative name. */
  readonly alternativeNameOf?: ((deviceId: string) => AlternativeName | undefined) | undefined;
}

/** One certificate of a kind. */
export interface CertificateRequest {
  readonly deviceId: string;
  /** Hex, 16 octets. */
  readonly serialNumber: string;
  /** Whole seconds. */
  readonly notAfter: Date;
  /** Content of the BIT STRING in SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
}

/** What decides about the template of a certificate: the length of its name, and the encoding of its end. */
export type TemplateChoice = Pick<CertificateRequest, 'deviceId' | 'notAfter'>;

/** A certificate that is ready to be signed. */
export interface Draft {
  /** TBSCertificate, DER; all rules have been checked on it. */
  readonly tbs: Buffer;
  readonly subjectKeyIdentifier: Buffer;
}

/**
 * Templates of one kind of certificate under one issuer.
 *
 * Two certificates of a kind whose device ids are equally long differ in six parts of fixed length: serial number, end of
 * validity, common name, public key and its identifier, and the subject alternative name, where the kind has one. So
 * @peculiar/x509 makes one certificate per length of id, with a sample in each of these parts, and all rules are checked on it.
 * Every other certificate is its bytes with the parts replaced, and the rules on these checked. That takes a five-hundredth of
 * the time that making and reading a certificate would, with the same bytes as result (test/property/certificates.test.ts). Ends
 * from 2050 on are longer, so they have templates of their own.
 */
export interface Templates {
  /** @returns undefined when there is none yet for names of that length and ends of that encoding */
  find(choice: TemplateChoice): Template | undefined;
  /** Makes the template that `find` returns from then on. @throws FleetError `certificate-rule` */
  make(choice: TemplateChoice): Promise<Template>;
}

export function createTemplates(kind: CertificateKind, issuer: Issuer, now: Date): Templates {
  /** By length of the device id, which decides that of the name. */
  const templates: Readonly<Record<TimeEncoding, Map<number, Template>>> = {
    UTCTime: new Map(),
    GeneralizedTime: new Map(),
  };
  return {
    find: ({ deviceId, notAfter }) => templates[timeEncodingOf(notAfter)].get(deviceId.length),
    async make({ deviceId: { length }, notAfter }) {
      const template = await createTemplate(kind, { idLength: length, notAfter }, issuer, now);
      templates[timeEncodingOf(notAfter)].set(length, template);
      return template;
    },
  };
}

export interface Template {
  readonly kind: CertificateKind;
  readonly issuer: Issuer;
  /** When its rules were checked; it is used within minutes. */
  readonly now: Date;
  /** TBSCertificate, DER, with the parts of the certificate that was drafted last. */
  readonly tbs: Buffer;
  readonly parts: TemplateParts;
}

/** The parts, as views of `tbs`, and what the rules on a certificate need besides. */
interface TemplateParts extends VaryingParts {
  readonly commonName: Buffer;
  readonly subjectKeyIdentifier: Buffer;
  readonly notAfterOctets: Buffer;
}

const sampleSerialNumber = `40${'00'.repeat(15)}`;

async function createTemplate(
  kind: CertificateKind,
  { idLength, notAfter }: { readonly idLength: number; readonly notAfter: Date },
  issuer: Issuer,
  now: Date,
): Promise<Template> {
  const { keyType, pathLength } = kind;
  // Of more than 63 octets no id is one label of a host name.
  const deviceId = idLength > 63 ? `a.${'a'.repeat(idLength - 2)}` : 'a'.repeat(idLength);
  const names = { commonName: kind.commonNameOf(deviceId), alternativeName: kind.alternativeNameOf?.(deviceId) };
  const content = { ...kind, ...names, notAfter, serialNumber: sampleSerialNumber, key: sampleKeys[keyType] };
  const tbs = await toBeSigned(content, issuer);
  const parts = lint(tbs, { ...content, keyType, pathLength, issuer, now });
  const { serialNumber, publicKey, notBefore, notAfter: end, notAfterOctets } = parts;
  const part = (found: Buffer | undefined): Buffer => {
    if (found === undefined) throw new Error('a part that the rules ask for is missing');
    return found;
  };
  const found = { commonName: part(parts.commonName), subjectKeyIdentifier: part(parts.subjectKeyIdentifier) };
  const { alternativeName } = parts;
  return {
    ...{ kind, issuer, now, tbs },
    parts: { serialNumber, publicKey, ...found, alternativeName, notBefore, notAfter: end, notAfterOctets },
  };
}

/** @throws FleetError `certificate-rule` */
export function draftCertificate(template: Template, request: CertificateRequest): Draft {
  const { issuer, now, parts } = template;
  const { profile, keyType, commonNameOf, alternativeNameOf } = template.kind;
  const { serialNumber, notAfter, publicKey } = request;
  const commonName = commonNameOf(request.deviceId);
  const alternativeName = alternativeNameOf?.(request.deviceId);
  const subjectKeyIdentifier = keyIdentifier(publicKey);
  if (publicKey.length !== parts.publicKey.length)
    throw brokenRule('key-strength', 'its key is not as long as keys of its type are');
  // A value of another length is cut, or leaves a part of the one before. The rules then find that it is another value.
  parts.serialNumber.write(serialNumber, 'hex');
  parts.commonName.write(commonName, 'utf8');
  if (alternativeName !== undefined) parts.alternativeName?.content.write(alternativeName.text, 'latin1');
  parts.publicKey.set(publicKey);
  parts.subjectKeyIdentifier.set(subjectKeyIdentifier);
  writeTime(parts.notAfterOctets, notAfter);
  const { encoding } = parts.notAfter;
  lintPerCertificate(
    { ...parts, notAfter: { date: readTime(parts.notAfterOctets, encoding), encoding } },
    { profile, issuer, keyType, serialNumber, commonName, alternativeName, notAfter, now },
  );
  const tbs = Buffer.allocUnsafe(template.tbs.length);
  template.tbs.copy(tbs);
  return { tbs, subjectKeyIdentifier };
}
