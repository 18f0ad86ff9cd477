/**
 * The account key of Microsoft's own emulator. It is published and the same on every machine, so existing tools work
 * unchanged: https://learn.microsoft.com/azure/cosmos-db/emulator#authentication. It protects nothing; the emulator listens on
 * the loopback interface only.
 */
export const emulatorKey = 'C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw==';
