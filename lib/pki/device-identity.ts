/** What was issued to one device. */
export interface DeviceIdentity {
  /** Hex, as in the device record. */
  readonly serialNumber: string;
  readonly certificatePem: string;
  /** PKCS#8; absent where the device made its key and sent a request. */
  readonly privateKeyPem?: string;
  /** Upper-case hex, as IoT Hub shows thumbprints. */
  readonly sha1Thumbprint: string;
  readonly sha256Thumbprint: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The device's own CA for its modules, where the group has us issue it (IoT Edge only). */
  readonly edgeCa?: { readonly certificatePem: string; readonly privateKeyPem: string };
}
