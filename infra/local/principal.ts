/**
 * Makes the header `x-ms-client-principal` that built-in authentication sets for a user of Microsoft Entra. With
 * HTTP_ACCESS=entra the local host passes it to the app, so a test can take any role:
 * https://learn.microsoft.com/azure/app-service/configure-authentication-user-identities
 */
export function principalHeader({ name, roles }: { name: string; roles: readonly string[] }): string {
  const claims = [
    {
      typ: 'http://schemas.microsoft.com/identity/claims/objectidentifier',
      val: '0b2e6b4e-3d3c-4a53-9d0a-6f5b8f8f0001',
    },
    { typ: 'preferred_username', val: name },
    ...roles.map((role) => ({ typ: 'roles', val: role })),
  ];
  return Buffer.from(
    JSON.stringify({ auth_typ: 'aad', name_typ: 'preferred_username', role_typ: 'roles', claims }),
  ).toString('base64');
}
