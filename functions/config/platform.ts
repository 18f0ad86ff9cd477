/*
 * Variables that the platform sets for an app in Azure, and that func start and the local stack do not set.
 * Microsoft's host tells its platforms apart by them: Azure/azure-functions-host, EnvironmentSettingNames.cs.
 */
const azureMarkers = ['WEBSITE_SITE_NAME', 'WEBSITE_INSTANCE_ID', 'WEBSITE_POD_NAME', 'WEBSITE_OWNER_NAME'] as const;

/** True if any variable shows that the app runs in Azure. */
export function isAzure(env: Readonly<Record<string, string | undefined>>): boolean {
  return azureMarkers.some((name) => Boolean(env[name]));
}
