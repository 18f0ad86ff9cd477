/** `%NAME%` in a queue name, schedule or route is the app setting of that name. */
export function resolveSettings(text: string, settings: NodeJS.ProcessEnv): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new Error(`"${text}" names the app setting ${name}, which is not set.`);
    return value;
  });
}

/** `AzureWebJobs.<name>.Disabled=true` switches a function off. */
export function isDisabled(functionName: string, settings: NodeJS.ProcessEnv): boolean {
  return /^(true|1)$/i.test(settings[`AzureWebJobs.${functionName}.Disabled`] ?? '');
}
