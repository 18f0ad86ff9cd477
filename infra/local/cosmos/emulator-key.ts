/**
 * The key of Microsoft's own emulator, the same on every machine and published, so that tools which know it find their way:
 * https://learn.microsoft.com/azure/cosmos-db/emulator#authentication. It protects nothing; the stand-in listens on the
 * loopback interface only.
 */
export const emulatorKey = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';
