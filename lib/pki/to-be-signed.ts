import { AsnConvert, AsnSerializer, OctetString } from '@peculiar/asn1-schema';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectKeyIdentifier,
  KeyIdentifier,
  KeyUsage,
  Name,
  RelativeDistinguishedName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import type { Issuer } from './issuer.ts';
import type { Profile } from './profile.ts';
import { signatureAlgorithm } from './signature-algorithm.ts';
import { keyIdentifier, type SubjectKey } from './subject-key.ts';

/** What is particular to one certificate; its profile says the rest. */
export interface CertificateContent {
  readonly profile: Profile;
  /** Hex, 16 octets. */
  readonly serialNumber: string;
  readonly commonName: string;
  readonly key: SubjectKey;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Of CAs; undefined leaves the constraint out. */
  readonly pathLength?: number;
}

const commonNameId = '2.5.4.3';

/** TBSCertificate, DER, as the profile wants it. Nothing is checked here: rules/ checks the bytes. */
export function toBeSigned(content: CertificateContent, issuer: Issuer): Buffer {
  const { profile, serialNumber, commonName, key, notBefore, notAfter } = content;
  const certificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: Uint8Array.from(Buffer.from(serialNumber, 'hex')).buffer,
    signature: AsnConvert.parse(signatureAlgorithm[issuer.signer.keyType], AlgorithmIdentifier),
    issuer: AsnConvert.parse(issuer.name, Name),
    validity: new Validity({ notBefore, notAfter }),
    subject: nameOf(commonName),
    subjectPublicKeyInfo: AsnConvert.parse(key.info, SubjectPublicKeyInfo),
    extensions: new Extensions(extensionsOf(content, issuer, profile)),
  });
  return Buffer.from(AsnConvert.serialize(certificate));
}

/** A name of one common name, DER; UTF8String, as RFC 5280 4.1.2.4 wants it of new certificates. */
export function encodeName(commonName: string): Buffer {
  return Buffer.from(AsnConvert.serialize(nameOf(commonName)));
}

function nameOf(commonName: string): Name {
  const value = new AttributeValue({ utf8String: commonName });
  return new Name([new RelativeDistinguishedName([new AttributeTypeAndValue({ type: commonNameId, value })])]);
}

function extensionsOf({ key, pathLength }: CertificateContent, issuer: Issuer, profile: Profile): Extension[] {
  const subjectKeyIdentifier = new SubjectKeyIdentifier(keyIdentifier(key.octets));
  const authority = new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(issuer.keyIdentifier) });
  const constraints = new BasicConstraints({ cA: profile.ca, pathLenConstraint: pathLength });
  const purposes = profile.extendedKeyUsage;
  return [
    extension(id_ce_basicConstraints, true, constraints),
    extension(id_ce_keyUsage, true, new KeyUsage(profile.keyUsage(key.type))),
    ...(purposes.length > 0 ? [extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([...purposes]))] : []),
    extension(id_ce_subjectKeyIdentifier, false, subjectKeyIdentifier),
    extension(id_ce_authorityKeyIdentifier, false, authority),
  ];
}

function extension(extnID: string, critical: boolean, value: unknown): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnSerializer.serialize(value)) });
}
